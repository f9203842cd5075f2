import { describe, expect, test } from 'vitest';
import type { WorkerProcess } from '../../../local/stack/worker-process.ts';
import { RestartingWorker } from '../../chaos/kills/restarting-worker.ts';

/** Processes that are only pretended; each becomes ready on demand, or fails as a killed process does. */
function mortal() {
  const started: { readonly process: WorkerProcess; readonly becomesReady: () => void; end(how: string): void }[] = [];
  const worker = new RestartingWorker({
    name: 'worker-1',
    downtimeMs: () => 0,
    start: ({ onSpawned }) =>
      new Promise((resolve, reject) => {
        let ended: string | undefined;
        const process = {
          pid: 100 + started.length,
          ended: () => ended,
          kill: () => {
            ended = 'signal SIGKILL';
            reject(new Error('ended with signal SIGKILL instead of becoming ready'));
            return Promise.resolve();
          },
          stop: () => Promise.resolve(),
        } as unknown as WorkerProcess;
        started.push({
          process,
          becomesReady: () => resolve(process),
          end: (how) => {
            ended = how;
          },
        });
        onSpawned?.(process);
      }),
  });
  return { worker, started };
}

describe('a restarting worker', () => {
  test('has an incarnation from its spawn on, and can be killed before it is ready', async () => {
    const { worker, started } = mortal();
    void worker.start();
    expect(worker.incarnation).toBe('worker-1 incarnation 1');
    await expect(worker.kill('worker-1 incarnation 1')).resolves.toBe(true);
    expect(worker.incarnation).toBeUndefined();
    await expect.poll(() => worker.incarnation).toBe('worker-1 incarnation 2');
    started[1]?.becomesReady();
    await worker.ready();
    expect(() => worker.checkHealth()).not.toThrow();
    expect(worker.pid).toBe(101);
  });

  test('ignores a kill of a previous incarnation', async () => {
    const { worker } = mortal();
    void worker.start();
    await worker.kill('worker-1 incarnation 1');
    await expect.poll(() => worker.incarnation).toBe('worker-1 incarnation 2');
    await expect(worker.kill('worker-1 incarnation 1')).resolves.toBe(false);
    expect(worker.incarnation).toBe('worker-1 incarnation 2');
  });

  test('fails its health check when it exits without a kill', async () => {
    const { worker, started } = mortal();
    const starting = worker.start();
    started[0]?.becomesReady();
    await starting;
    started[0]?.end('code 1');
    expect(() => worker.checkHealth()).toThrow('worker-1 incarnation 1 exited without having been killed (code 1)');
  });

  test('does not restart after stop', async () => {
    const { worker, started } = mortal();
    const starting = worker.start();
    started[0]?.becomesReady();
    await starting;
    await worker.stop();
    expect(worker.incarnation).toBeUndefined();
    await expect(worker.kill('worker-1 incarnation 1')).resolves.toBe(false);
    expect(started).toHaveLength(1);
  });
});
