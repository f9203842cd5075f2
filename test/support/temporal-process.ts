/** A Temporal server of a test's own, which can be taken away and brought back with what it knew. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { temporalExecutable } from './executables.ts';
import { type CommandProcess, startProcess } from './worker-process.ts';

export class TemporalProcess {
  readonly address: string;
  readonly #port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'certman-temporal-'));
  #process: CommandProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.address = `127.0.0.1:${port}`;
  }

  /** Chooses a port; nothing listens there yet. */
  static async prepare(): Promise<TemporalProcess> {
    return new TemporalProcess(await freePort());
  }

  /** Starts it, or brings it back, and waits until it answers. */
  async start(): Promise<void> {
    const args = ['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(this.#port), '--headless'];
    const state = ['--db-filename', join(this.#folder, 'temporal.db'), '--log-level', 'error'];
    this.#process = startProcess(await temporalExecutable(), [...args, ...state], { HOME: this.#folder });
    const connection = await Connection.connect({ address: this.address, connectTimeout: '30 seconds' });
    await connection.close();
  }

  /** Takes it away at once. */
  async stop(): Promise<void> {
    this.#process?.signal('SIGKILL');
    await this.#process?.exit();
    this.#process = undefined;
  }

  async client(): Promise<{ readonly client: Client; readonly close: () => Promise<void> }> {
    const connection = await Connection.connect({ address: this.address });
    return { client: new Client({ connection }), close: () => connection.close() };
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
