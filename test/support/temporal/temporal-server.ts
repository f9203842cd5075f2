/** Temporal servers of a test file's own, ended with the process of the tests however that ends. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type Connection } from '@temporalio/client';
import { type Duration, TypedSearchAttributes } from '@temporalio/common';
import { encodeSearchAttributeIndexedValueType } from '@temporalio/common/lib/search-attributes.js';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { executable } from '../../../local/stack/build/executables.ts';
import { type Part, startPart } from '../../../local/stack/parts/part.ts';
import { SEARCH_ATTRIBUTES } from '../../../src/contract/search-attributes.ts';
import { connect } from '../../../src/temporal/connect.ts';
import { retryUntilClosed } from '../../../src/temporal/retry-until-closed.ts';
import { WAIT_TIMEOUT_MS } from '../vitest/timeouts.ts';
import { installQuietRuntime } from './quiet-runtime.ts';

export interface TemporalServer extends Part {
  /** `host:port` */
  readonly address: string;
  connect(): Promise<{ readonly client: Client; readonly close: () => Promise<void> }>;
  /** Ends it and removes what it kept. */
  remove(): Promise<void>;
}

export interface TemporalServerOptions {
  /** Whether certman's search attributes are there from the start. */
  readonly searchAttributes?: boolean;
  /** Whether it loses its state when it ends: it then takes half the CPU time, and writes no file. */
  readonly inMemory?: boolean;
  /** Events after which a run is advised to continue as new. Default: the server's own, 4,096. */
  readonly continueAsNewAfter?: number;
  /** Whether it serves waiting tasks by their priority, in one order for the whole of a task queue. */
  readonly priorities?: boolean;
}

// With several partitions, each has an order of its own.
const BY_PRIORITY = [
  'matching.useNewMatcher=true',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
  // So that what waits can be asked for often.
  'matching.TaskQueueInfoByBuildIdTTL="1ms"',
];

/**
 * It lives for a minute at most: what the JVM compiles with C2 and collects in threads of its own costs more CPU time than it
 * spares. With these, a file of five tests took 10.2 s instead of 13.9.
 */
const JAVA_RUNTIME = { JAVA_TOOL_OPTIONS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC' };

/** As people get it: a day of retention. Unless it is in memory, it can be taken away and brought back with what it knew. */
export async function startTemporalServer(options: TemporalServerOptions = {}): Promise<TemporalServer> {
  const attributes = options.searchAttributes === true ? SEARCH_ATTRIBUTES : [];
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-temporal-'));
  const path = await executable('temporal');
  return await start('temporal', stateDir, (port) => ({
    command: path,
    args: [
      'server',
      'start-dev',
      '--ip=127.0.0.1',
      `--port=${port}`,
      '--headless',
      '--log-level=error',
      ...(options.inMemory === true ? [] : [`--db-filename=${join(stateDir, 'temporal.db')}`]),
      ...attributes.map(({ name, type }) => `--search-attribute=${name}=${TypedSearchAttributes.toMetadataType(type)}`),
      ...(options.continueAsNewAfter === undefined
        ? []
        : [`--dynamic-config-value=limit.historyCount.suggestContinueAsNew=${options.continueAsNewAfter}`]),
      ...(options.priorities === true ? BY_PRIORITY : []).map((setting) => `--dynamic-config-value=${setting}`),
    ],
    environment: { HOME: stateDir },
  }));
}

/** An environment on a real server, for workflow code. */
export async function startEnvironment(
  options: Omit<TemporalServerOptions, 'searchAttributes' | 'inMemory'> = {},
): Promise<TestWorkflowEnvironment> {
  installQuietRuntime();
  const server = await startTemporalServer({ ...options, searchAttributes: true, inMemory: true });
  return withServerTeardown(await environmentOf(server, false), server);
}

/** An environment whose clock leaps over waits. */
export async function startTimeSkippingEnvironment(): Promise<TestWorkflowEnvironment> {
  installQuietRuntime();
  const stateDir = await mkdtemp(join(tmpdir(), 'certman-time-'));
  const path = await executable('temporal-test-server');
  const server = await start('temporal-test-server', stateDir, (port) => ({
    command: path,
    // The clock stands until a test sets it going; with --enable-time-skipping it would leap from the start.
    args: [port],
    environment: JAVA_RUNTIME,
  }));
  const environment = await environmentOf(server, true);
  await environment.connection.operatorService.addSearchAttributes({
    namespace: environment.namespace ?? 'default',
    searchAttributes: Object.fromEntries(
      SEARCH_ATTRIBUTES.map(({ name, type }) => [name, encodeSearchAttributeIndexedValueType(type) ?? 0]),
    ),
  });
  return withServerTeardown(environment, server);
}

/** The public ways start the server too, and leave it behind when this process is killed, or take no interceptors. */
async function environmentOf(server: TemporalServer, supportsTimeSkipping: boolean): Promise<TestWorkflowEnvironment> {
  return (await TestWorkflowEnvironment['create']({
    server: { type: 'existing' },
    address: server.address,
    supportsTimeSkipping,
    namespace: 'default',
    connectionOptions: { interceptors: retryUntilClosed() },
  })) as TestWorkflowEnvironment;
}

function withServerTeardown(environment: TestWorkflowEnvironment, server: TemporalServer): TestWorkflowEnvironment {
  const teardown = environment.teardown.bind(environment);
  environment.teardown = async () => {
    await teardown();
    await server.remove();
  };
  return environment;
}

async function start(
  name: string,
  stateDir: string,
  launch: (port: string) => {
    command: string;
    args: readonly string[];
    environment?: Readonly<Record<string, string>>;
  },
): Promise<TemporalServer> {
  const part = await startPart(
    {
      name,
      ports: ['port'],
      launch: ({ port }) => Promise.resolve(launch(String(port))),
      isReady: async ({ port }) => {
        // A new connection each time: one that is there before the server pauses ever longer between its tries.
        await (await connectTo(port, '5s')).close();
        return true;
      },
    },
    { stateDir },
  );
  return Object.assign(part, {
    address: `127.0.0.1:${part.ports.port}`,
    connect: async () => {
      const connection = await connectTo(part.ports.port);
      return { client: new Client({ connection }), close: () => connection.close() };
    },
    remove: async () => {
      await part.kill();
      await rm(stateDir, { recursive: true, force: true });
    },
  });
}

function connectTo(port: number, connectTimeout: Duration = WAIT_TIMEOUT_MS): Promise<Connection> {
  return connect({ address: `127.0.0.1:${port}`, connectTimeout });
}
