/** The folder of a stack: one process at a time has it, and each start finds it without the data of the last. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalStackError } from './local-stack-error.ts';
import { processStartTime } from './process/process-start-time.ts';

export const ENDPOINTS_FILE = 'endpoints.json';
/** Says that the hub is prepared, and what a worker has to know. */
export const MANAGEMENT_CLUSTER_FILE = 'management-cluster.json';
const SUPERVISOR_FILE = 'supervisor.json';

/** What a start leaves behind, on purpose: the data of the parts that keep some. */
const DATA_FILES = ['etcd', 'temporal.db', 'temporal.db-shm', 'temporal.db-wal'];
/** What is only true of a stack that runs. */
const RUN_FILES = ['logs', 'run', ENDPOINTS_FILE, MANAGEMENT_CLUSTER_FILE];

const supervisorSchema = z.object({ pid: z.number().int().positive(), identity: z.string(), since: z.string() });

/** The process that runs a stack. */
export type Supervisor = z.infer<typeof supervisorSchema>;

/**
 * Takes the folder for this process.
 * @param keepData whether etcd and Temporal go on with what they knew.
 * @returns gives the folder back. @throws LocalStackError when a stack runs in it.
 */
export async function lockStateFolder(stateDir: string, keepData: boolean): Promise<() => Promise<void>> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const other = await findSupervisor(stateDir);
  if (other !== undefined) {
    throw new LocalStackError({
      message: `A stack runs in ${stateDir} already, since ${other.since} (process ${other.pid}).`,
      remedy: `End it with npm run stack -- down --state ${stateDir}, or name another folder with --state.`,
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

/** The living process that runs a stack in the folder; undefined when none does. */
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
