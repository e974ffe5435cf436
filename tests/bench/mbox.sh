#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Uploads through the mailbox: whole time, and the longest hold of the packet path.
set -eu
exec "$BUILD/bench/mbox"
