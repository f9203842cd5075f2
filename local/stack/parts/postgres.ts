/**
 * PostgreSQL for a Temporal server: the one that the machine has. It refuses to run as root, so that root runs it as
 * another user, who cannot enter the state folder: its data is in a folder of its own.
 */
import { execFile } from 'node:child_process';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { onPath } from '../build/locate-executable.ts';
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
        isReady: async ({ port }) => {
          await promisify(execFile)(join(programs, 'pg_isready'), [...connectionFlags(port)]);
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
        const { stdout } = await promisify(execFile)(join(programs, 'psql'), [
          ...connectionFlags(part.ports.port),
          '--no-psqlrc',
          '-Atc',
          query,
        ]);
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

/** Folder of PostgreSQL's programs: Debian's newest version, else that of the `initdb` on the PATH. */
async function programsFolder(): Promise<string> {
  const versions = (await readdir(DEBIAN_VERSIONS).catch(() => [])).map(Number).filter(Number.isInteger);
  const newest = versions.toSorted((one, other) => other - one)[0];
  if (newest !== undefined) return join(DEBIAN_VERSIONS, String(newest), 'bin');
  const initdb = onPath('initdb');
  if (initdb !== undefined) return dirname(initdb);
  throw new LocalStackError({
    message: `There is no PostgreSQL on this machine: neither ${DEBIAN_VERSIONS} nor initdb on the PATH.`,
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
