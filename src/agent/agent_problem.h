/* SPDX-License-Identifier: Apache-2.0 */
/* agent_problem - an error as a document of RFC 9457, with the place of what a person must fix. */
#ifndef AGENT_PROBLEM_H
#define AGENT_PROBLEM_H

#include <yyjson.h>

#include "diag.h"

/* NULL where memory is out. */
yyjson_mut_doc *problem_doc(int status, const struct diag *d);

#endif
