// validate_sbom.mjs FILE: checks a bill of materials against CycloneDX's JSON schema, and that it
// tells of the libraries that we are known to be linked with and of the tools that the lock file has.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';

const require = createRequire(import.meta.url);
const library = dirname(require.resolve('@cyclonedx/cyclonedx-library/package.json'));
const schema = name => JSON.parse(readFileSync(join(library, 'res/schema', name), 'utf8'));

const ajv = new Ajv({strict: false, formats: {'iri-reference': true, 'idn-email': true}});
addFormats(ajv);
for (const part of ['spdx.SNAPSHOT.schema.json', 'jsf-0.82.SNAPSHOT.schema.json']) {
  ajv.addSchema(schema(part), `http://cyclonedx.org/schema/${part}`);
}
const validate = ajv.compile(schema('bom-1.5.SNAPSHOT.schema.json'));

const problems = [];
const bill = JSON.parse(readFileSync(process.argv[2], 'utf8'));
if (!validate(bill)) problems.push(ajv.errorsText(validate.errors, {separator: '\n'}));
if (validate({...bill, components: [{type: 'nothing', name: 'x'}]})) problems.push('the schema accepts anything');

const names = scope => bill.components.filter(c => c.scope === scope).map(c => c.name);
for (const name of ['libc6', 'libgrpc++1.51', 'libssl3', 'libpq5', 'libcurl4', 'libsodium23', 'postgresql-15']) {
  if (!names('required').includes(name)) problems.push(`${name} is not in it`);
}
for (const name of ['@bufbuild/buf', 'ajv']) {
  if (!names('excluded').includes(name)) problems.push(`${name} is not in it as a tool`);
}
const references = new Set(bill.components.map(c => c['bom-ref']));
if (references.size !== bill.components.length) problems.push('two components have one reference');
for (const {ref, dependsOn} of bill.dependencies) {
  for (const one of dependsOn) if (!references.has(one)) problems.push(`${ref} depends on ${one}, which is not in it`);
}
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
