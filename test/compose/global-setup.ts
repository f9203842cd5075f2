/**
 * One Docker engine for the run. `CERTMAN_TEST_COMPOSE`:
 * not set: a separate engine with stand-in images; the tests are skipped with the reason when none can be started;
 * `required`: like not set, but fails when none can be started;
 * `running`: the engine that the Docker CLI finds, with its Compose plugin; it pulls the published images.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { messageOf } from '../../local/stack/local-stack-error.ts';
import { progressOn, withProgress } from '../../local/stack/progress.ts';
import { engineUnavailableReason } from './engine/availability.ts';
import { installComposePlugin } from './engine/compose-plugin.ts';
import { PROJECT, type ProvidedEngine } from './engine/docker-cli.ts';
import { type Engine, EngineUnavailable, startEngine } from './engine/start-engine.ts';
import { buildStandInImages } from './stand-ins/stand-in-images.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly engine: ProvidedEngine;
  }
}

const MODES = ['', 'required', 'running'];

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const mode = process.env['CERTMAN_TEST_COMPOSE'] ?? '';
  if (!MODES.includes(mode))
    throw new Error(`CERTMAN_TEST_COMPOSE is "${mode}"; it is one of required, running, or not set.`);
  if (mode === 'running') {
    project.provide('engine', { variables: { COMPOSE_PROJECT_NAME: PROJECT } });
    return () => Promise.resolve();
  }
  const folder = await mkdtemp(join(tmpdir(), 'certman-compose-'));
  const progress = progressOn(process.stderr);
  let engine: Engine | undefined;
  const tearDown = async (): Promise<void> => {
    try {
      await engine?.stop();
    } finally {
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 500 });
    }
  };
  try {
    const unavailable = await engineUnavailableReason();
    if (unavailable !== undefined) throw new EngineUnavailable(unavailable);
    const own = await step('Docker engine', () => startEngine(folder));
    engine = own;
    const variables = {
      COMPOSE_PROJECT_NAME: PROJECT,
      DOCKER_HOST: own.host,
      DOCKER_CONFIG: join(folder, 'config'),
    };
    const environment = { ...process.env, ...variables };
    const version = await step('docker compose', () => installComposePlugin(environment, progress));
    progress.note(`Docker engine ${own.version}, docker compose ${version}`);
    await step('stand-in images', () => buildStandInImages(environment, progress));
    project.provide('engine', { variables });
    return tearDown;
  } catch (error) {
    await tearDown().catch((left: unknown) => progress.note(`Not all was removed: ${messageOf(left)}`));
    if (!(error instanceof EngineUnavailable) || mode === 'required') throw error;
    process.stdout.write(`Skipped, as no Docker engine can be started here: ${error.message}\n`);
    project.provide('engine', { reason: error.message });
    return () => Promise.resolve();
  }

  /** Runs a preparation step and prints a line before and after it. */
  function step<T>(name: string, work: () => Promise<T>): Promise<T> {
    return withProgress(progress, name, 'preparing', work);
  }
}
