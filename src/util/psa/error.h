/* SPDX-License-Identifier: Apache-2.0 */
/* error - the status codes of PSA storage, which are those of PSA cryptography. */
#ifndef ERROR_H
#define ERROR_H

#include "psa/crypto_types.h"
#include "psa/crypto_values.h"

#endif
