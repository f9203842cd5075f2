import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** The keys of a service that tests read. */
export interface ComposeService {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly user?: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  /** `address:port:port[/udp]` */
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly profiles?: readonly string[];
}

/** docker-compose.yml, with its anchors resolved. */
export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, object>>;
}

/** Text of docker-compose.yml. */
export const COMPOSE_TEXT = readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8');

/** @returns docker-compose.yml as data. */
export function readComposeFile(): ComposeFile {
  return parse(COMPOSE_TEXT, { merge: true }) as ComposeFile;
}
