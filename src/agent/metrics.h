/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics - what is counted, as text that Prometheus reads.
 * Shape:   OpenMetrics 1.0, or Prometheus text 0.0.4; base units, few labels: "rule" only for
 *          rules that have a counter.
 */
#ifndef METRICS_H
#define METRICS_H

#include "str.h"

struct agent;

void metrics_write(struct agent *a, bool openmetrics, struct str *out);

#endif
