/** `npm run compose`: writes docker-compose.yml. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { composeFile } from './definition.ts';

const HEADER = `# certman and everything it talks to, as containers: docker compose up
# Then: docker compose run --rm kubectl get certificaterequests -A
#       docker compose exec worker node bin/certman.js status
#       http://127.0.0.1:8233 (Temporal's Web UI), http://127.0.0.1:8080/metrics
# The CA, Route 53 and Temporal keep everything in memory: after a restart of any of them, docker compose up again.
# Written by "npm run compose" from local/stack/versions.ts and local/compose/; change those.
`;

/** Text of docker-compose.yml. */
export function renderCompose(): string {
  return `${HEADER}${stringify(composeFile(), { lineWidth: 120, aliasDuplicateObjects: false })}`;
}

if (import.meta.main) {
  const file = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url));
  await writeFile(file, renderCompose());
  process.stdout.write(`${file} written\n`);
}
