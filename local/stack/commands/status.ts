import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readEndpoints } from '../endpoints.ts';
import { processStartTime } from '../process/process-start-time.ts';
import { findSupervisor, MANAGEMENT_CLUSTER_FILE } from '../state-folder.ts';
import { PART_NAMES } from '../versions.ts';
import type { Output } from './output.ts';
import { describeStack } from './output.ts';

/** One part in the output of `stack status --json`. */
export interface PartStatus {
  readonly name: string;
  readonly state: 'running' | 'stopped';
  readonly pid?: number;
}

/** Prints which parts run, and their addresses. @returns whether all parts run. */
export async function status(stateDir: string, output: Output): Promise<boolean> {
  const supervisor = await findSupervisor(stateDir);
  if (supervisor === undefined) {
    output.result(`No stack runs in ${stateDir}.`, { running: false, stateDir });
    return false;
  }
  const all = await Promise.all(PART_NAMES.map((name) => partStatus(stateDir, name)));
  let parts = all;
  let where = 'It is still starting.';
  let endpoints: unknown;
  try {
    const stack = await readEndpoints(stateDir);
    endpoints = stack;
    // A stack that is up has started each of its parts, and so has a log of it.
    parts = all.filter(({ name }) => existsSync(join(stateDir, 'logs', `${name}.log`)));
    const managementCluster = JSON.parse(await readFile(join(stateDir, MANAGEMENT_CLUSTER_FILE), 'utf8')) as {
      readonly kubeconfig: string;
    };
    where = describeStack(stack, managementCluster);
  } catch {
    // Not written yet: the stack is starting.
  }
  const running = parts.every(({ state }) => state === 'running');
  const table = parts.map(
    ({ name, state, pid }) => `${name.padEnd(24)} ${state}${pid === undefined ? '' : `, process ${pid}`}`,
  );
  const heading = `Up since ${supervisor.since}, process ${supervisor.pid}, folder ${stateDir}`;
  output.result([heading, '', ...table, '', where].join('\n'), {
    running,
    stateDir,
    supervisor,
    parts,
    stack: endpoints,
  });
  return running;
}

async function partStatus(stateDir: string, name: string): Promise<PartStatus> {
  try {
    const pid = Number(await readFile(join(stateDir, 'run', `${name}.pid`), 'utf8'));
    return (await processStartTime(pid)) === undefined ? { name, state: 'stopped' } : { name, state: 'running', pid };
  } catch {
    return { name, state: 'stopped' };
  }
}
