/** `stack down`: ends a stack that runs in the background, or in another terminal. */
import { setTimeout as sleep } from 'node:timers/promises';
import { findSupervisor } from '../state-folder.ts';
import type { Output } from './output.ts';

const STOP_TIMEOUT_MS = 60_000;
const POLL_INTERVAL_MS = 100;

export async function down(stateDir: string, output: Output): Promise<void> {
  const supervisor = await findSupervisor(stateDir);
  if (supervisor === undefined) {
    output.result(`No stack runs in ${stateDir}.`, { ended: false, stateDir });
    return;
  }
  process.kill(supervisor.pid, 'SIGTERM');
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while ((await findSupervisor(stateDir)) !== undefined) {
    if (performance.now() > deadline) {
      // Its parts end with it, however it ends.
      output.note(`process ${supervisor.pid} does not end by itself; it is killed`);
      process.kill(supervisor.pid, 'SIGKILL');
      break;
    }
    await sleep(POLL_INTERVAL_MS);
  }
  output.result('Ended.', { ended: true, stateDir });
}
