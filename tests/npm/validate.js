// SPDX-License-Identifier: Apache-2.0
// validate.js OPENAPI ANSWERS: each line of ANSWERS is an answer of the daemon; is it one that
// the document describes? MODULES is the directory with ajv.
"use strict";
const fs = require("fs");
const load = (name) => require(process.env.MODULES + "/" + name);
const Ajv = load("ajv/dist/2020").default;
const doc = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true });
load("ajv-formats").default(ajv);
ajv.addSchema(doc, "doc");

const pointer = (s) => s.replace(/~/g, "~0").replace(/\//g, "~1");
const seen = new Set();
let bad = 0;
let count = 0;

function say(a, why) {
  console.log(`${a.method} ${a.path} ${a.status}: ${why}\n    ${String(a.body).slice(0, 300)}`);
  bad++;
}

function judge(a) {
  const op = (doc.paths[a.path] || {})[a.method.toLowerCase()];
  let where = `#/paths/${pointer(a.path)}/${a.method.toLowerCase()}/responses/${a.status}`;
  let r = op && op.responses[a.status];
  if (!r && op) {
    r = op.responses.default;
    where = where.replace(/[^/]*$/, "default");
  }
  if (!r && !op) {
    r = doc.components.responses.Problem;	// no such path, or no such method
    where = "#/components/responses/Problem";
  }
  if (!r) return say(a, "the document has no such status");
  if (r.$ref) {
    where = r.$ref;
    r = doc.components.responses[r.$ref.split("/").pop()];
  }
  if (op) seen.add(`${a.method} ${a.path} ${a.status}`);
  if (!r.content) return a.body === "" ? undefined : say(a, "a body where none is described");
  const type = a.type.split(";")[0];
  const key = Object.keys(r.content).find((k) => k.split(";")[0] === type);
  if (!key) return say(a, `type ${a.type} is not described`);
  if (!type.endsWith("json")) return undefined;
  const schema = r.content[key].schema;
  if (!schema || schema.type === "string") return undefined;	// lines of text as a whole
  const v = ajv.getSchema(`doc${where}/content/${pointer(key)}/schema`);
  const texts = type.endsWith("ndjson") ? a.body.split("\n").filter((l) => l !== "") : [a.body];
  for (const text of texts) {
    try {
      if (!v(JSON.parse(text))) say(a, ajv.errorsText(v.errors));
    } catch (e) {
      say(a, e.message);
    }
  }
  return undefined;
}

for (const line of fs.readFileSync(process.argv[3], "utf8").split("\n")) {
  if (line === "") continue;
  count++;
  judge(JSON.parse(line));
}
for (const [path, item] of Object.entries(doc.paths))
  for (const method of ["get", "post"])
    if (item[method] && ![...seen].some((s) => s.startsWith(`${method.toUpperCase()} ${path} 2`))) {
      console.log(`${method} ${path}: no good answer was tried`);
      bad++;
    }
console.log(`${count} answers, ${bad} wrong`);
process.exit(bad ? 1 : 0);
