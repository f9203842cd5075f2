/**
 * PostgreSQL for a Temporal server: the one that the machine has. It refuses to run as root, so that root runs it as
 * another user, who cannot enter the state folder: its data is in a folder of its own.
 */
import { execFile } from 'node:child_process';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { isExecutable, onPath } from '../build/locate-executable.ts';
import { LocalStackError, messageOf } from '../local-stack-error.ts';
import { type Part, type PartCommand, type PartContext, startPart } from './part.ts';

/** A running PostgreSQL, which trusts every connection from this machine. */
export interface Postgres extends Part {
  readonly port: number;
  /** Name of its superuser. */
  readonly user: string;
  /** Size of all databases on disk. */
  storedBytes(): Promise<number>;
}

const USER = 'temporal';
/** Debian keeps each version's programs there, and links only the clients' into the PATH. */
const DEBIAN_VERSIONS = '/usr/lib/postgresql';
/** The user nobody. */
const UNPRIVILEGED_ID = 65_534;
const INITDB_TIMEOUT_MS = 120_000;
const QUERY_TIMEOUT_MS = 60_000;

/** Starts an empty PostgreSQL. Its data outlasts a restart, until {@link Part.remove}. @throws LocalStackError when there is none. */
export async function startPostgres(context: PartContext): Promise<Postgres> {
  const programs = await programsFolder();
  const dataDir = await mkdtemp(join(tmpdir(), 'certman-postgres-'));
  try {
    if (isRoot()) await chown(dataDir, UNPRIVILEGED_ID, UNPRIVILEGED_ID);
    await initialize(programs, dataDir);
    const part = await startPart(
      {
        name: 'postgres',
        ports: ['port'],
        launch: ({ port }) =>
          Promise.resolve(
            unprivileged({
              command: join(programs, 'postgres'),
              args: [
                `-D${dataDir}`,
                '--listen_addresses=127.0.0.1',
                `--port=${port}`,
                '--unix_socket_directories=',
                '--max_connections=200',
                '--shared_buffers=256MB',
              ],
            }),
          ),
        isReady: async ({ port }, signal) => {
          await promisify(execFile)(join(programs, 'pg_isready'), [...connectionFlags(port)], { signal });
          return true;
        },
      },
      context,
    );
    return Object.assign(part, {
      port: part.ports.port,
      user: USER,
      storedBytes: async () => {
        const query = 'SELECT sum(pg_database_size(oid)) FROM pg_database';
        const args = [...connectionFlags(part.ports.port), '--no-psqlrc', '-Atc', query];
        const { stdout } = await promisify(execFile)(join(programs, 'psql'), args, { timeout: QUERY_TIMEOUT_MS });
        return Number(stdout);
      },
      remove: () => rm(dataDir, { recursive: true, force: true }),
    });
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

function connectionFlags(port: number): readonly string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-d', 'postgres', '-U', USER];
}

/**
 * Folder of the programs of a PostgreSQL server: Debian's newest version, else that of the `initdb` on the PATH.
 * @param debianVersions folder of a folder for each version. One with the client alone does not count.
 * @throws LocalStackError when there is none.
 */
export async function programsFolder(debianVersions = DEBIAN_VERSIONS): Promise<string> {
  const versions = (await readdir(debianVersions).catch(() => [])).map(Number).filter(Number.isInteger);
  for (const version of versions.toSorted((one, other) => other - one)) {
    const folder = join(debianVersions, String(version), 'bin');
    if (isExecutable(join(folder, 'initdb'))) return folder;
  }
  const initdb = onPath('initdb');
  if (initdb !== undefined) return dirname(initdb);
  throw new LocalStackError({
    message: `There is no PostgreSQL on this machine: no initdb below ${debianVersions} or on the PATH.`,
    remedy: 'Install PostgreSQL 12 or newer (Debian: apt-get install postgresql).',
  });
}

async function initialize(programs: string, dataDir: string): Promise<void> {
  const options = ['-D', dataDir, '-U', USER, '--auth=trust', '--encoding=UTF8', '--locale=C'];
  const { command, args } = unprivileged({ command: join(programs, 'initdb'), args: options });
  try {
    await promisify(execFile)(command, [...args], { cwd: tmpdir(), timeout: INITDB_TIMEOUT_MS });
  } catch (cause) {
    throw new LocalStackError({ message: `initdb failed: ${messageOf(cause)}`, cause });
  }
}

function unprivileged({ command, args }: PartCommand): PartCommand {
  if (!isRoot()) return { command, args };
  const ids = [`--reuid=${UNPRIVILEGED_ID}`, `--regid=${UNPRIVILEGED_ID}`, '--clear-groups'];
  return { command: 'setpriv', args: [...ids, command, ...args] };
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
