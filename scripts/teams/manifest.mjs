// Holds docs/teams-manifest/manifest.json against Microsoft's own schema of the version that it names. What bot teams manifest
// puts into the package is this file with the ids of one's own bot (TestTeamsManifest).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import Ajv from 'ajv-draft-04';
import formats from 'ajv-formats';

const manifest = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const schemas = createRequire(import.meta.url).resolve('@microsoft/app-manifest').replace(/index\.js$/, 'json-schemas/teams');
const schema = JSON.parse(readFileSync(`${schemas}/v${manifest.manifestVersion}/MicrosoftTeams.schema.json`, 'utf8'));
if (!manifest.$schema.endsWith(`/v${manifest.manifestVersion}/MicrosoftTeams.schema.json`)) {
  throw new Error(`$schema is ${manifest.$schema}, and manifestVersion ${manifest.manifestVersion}`);
}

const ajv = new Ajv({ strict: false, allErrors: true });
formats(ajv);
const check = ajv.compile(schema);
const problems = (m) => (check(m) ? [] : check.errors.map((e) => `${e.instancePath || '/'} ${e.message}`));
if (problems({ ...manifest, bots: [{ ...manifest.bots[0], botId: 'no id' }], icon: '' }).length < 2) {
  throw new Error('the schema finds nothing wrong with a wrong manifest');
}
const found = problems(manifest);
if (found.length) {
  throw new Error(`the manifest is not what Microsoft's schema of ${manifest.manifestVersion} wants:\n${found.join('\n')}`);
}
console.log(`the manifest is valid by Microsoft's schema of ${manifest.manifestVersion}`);
