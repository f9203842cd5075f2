/** The state folder of a stack: one process at a time uses it, and each start removes the data of the last one. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalStackError } from './local-stack-error.ts';
import { processStartTime } from './process/process-start-time.ts';

/** File of the endpoints, while the stack runs. */
export const ENDPOINTS_FILE = 'endpoints.json';
/** Settings of a worker; exists once the management cluster is prepared. */
export const MANAGEMENT_CLUSTER_FILE = 'management-cluster.json';
const SUPERVISOR_FILE = 'supervisor.json';

/** Data of etcd and Temporal. */
const DATA_FILES = ['etcd', 'temporal.db', 'temporal.db-shm', 'temporal.db-wal'];
/** Files that describe a running stack. */
const RUN_FILES = ['logs', 'run', ENDPOINTS_FILE, MANAGEMENT_CLUSTER_FILE];

const supervisorSchema = z.object({ pid: z.number().int().positive(), identity: z.string(), since: z.string() });

/** The process that runs a stack. */
export type Supervisor = z.infer<typeof supervisorSchema>;

/**
 * Takes the folder for this process and removes what the last run left.
 * @param keepData whether the data of etcd and Temporal stays.
 * @returns releases the folder. @throws LocalStackError when a stack runs in it.
 */
export async function lockStateFolder(stateDir: string, keepData: boolean): Promise<() => Promise<void>> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const other = await findSupervisor(stateDir);
  if (other !== undefined) {
    throw new LocalStackError({
      message: `A stack runs in ${stateDir} already, since ${other.since} (process ${other.pid}).`,
      remedy: `Stop it with npm run stack -- down --state ${stateDir}, or name another folder with --state.`,
    });
  }
  for (const name of [...RUN_FILES, ...(keepData ? [] : DATA_FILES)]) {
    await rm(join(stateDir, name), { recursive: true, force: true });
  }
  const self: Supervisor = {
    pid: process.pid,
    identity: (await processStartTime(process.pid)) ?? '',
    since: new Date().toISOString(),
  };
  const file = join(stateDir, SUPERVISOR_FILE);
  await writeFile(file, `${JSON.stringify(self)}\n`);
  return async () => {
    for (const name of ['run', ENDPOINTS_FILE, MANAGEMENT_CLUSTER_FILE, SUPERVISOR_FILE]) {
      await rm(join(stateDir, name), { recursive: true, force: true });
    }
  };
}

/** The process that runs a stack in the folder; undefined when there is none. */
export async function findSupervisor(stateDir: string): Promise<Supervisor | undefined> {
  let content: string;
  try {
    content = await readFile(join(stateDir, SUPERVISOR_FILE), 'utf8');
  } catch {
    return undefined;
  }
  const supervisor = supervisorSchema.parse(JSON.parse(content));
  return (await processStartTime(supervisor.pid)) === supervisor.identity ? supervisor : undefined;
}
