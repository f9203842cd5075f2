import { poll } from '../poll.ts';
import { findSupervisor } from '../state-folder.ts';
import type { Output } from './output.ts';

const STOP_TIMEOUT_MS = 60_000;
const POLL_INTERVAL_MS = 100;

/** Stops the stack of a state folder and every process of it. */
export async function down(stateDir: string, output: Output): Promise<void> {
  const supervisor = await findSupervisor(stateDir);
  if (supervisor === undefined) {
    output.result(`No stack runs in ${stateDir}.`, { ended: false, stateDir });
    return;
  }
  process.kill(supervisor.pid, 'SIGTERM');
  const hasEnded = async (): Promise<true | undefined> =>
    (await findSupervisor(stateDir)) === undefined ? true : undefined;
  if ((await poll(hasEnded, { timeoutMs: STOP_TIMEOUT_MS, intervalMs: POLL_INTERVAL_MS })) === undefined) {
    // Its parts end with it.
    output.note(`process ${supervisor.pid} does not stop on SIGTERM; sending SIGKILL`);
    process.kill(supervisor.pid, 'SIGKILL');
  }
  output.result('Ended.', { ended: true, stateDir });
}
