/** `--timeout` bounds every wait of the commands that wait for a workflow, and a person sees how far the request has come. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import { TimeBound } from '../../../src/cli/time-bound.ts';
import { watchUntilInterrupted } from '../../../src/cli/watch/watch-until-interrupted.ts';
import { type FakeFrontend, startFakeFrontend } from '../../support/faults/fake-frontend.ts';

/** It accepts requests, and answers none of those about workflows. */
let frontend: FakeFrontend;
beforeEach(async () => {
  frontend = await startFakeFrontend();
  vi.stubEnv('TEMPORAL_ADDRESS', frontend.address);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await frontend.close();
});

const run = (...words: string[]) => createProgram().parseAsync([...words, '--timeout', '1s'], { from: 'user' });

/** Before it the reason, but where the time was over before the first request. */
const NOTHING_REQUESTED = /(^|\. )Nothing was requested: the time of --timeout \(1s\) is over\.$/;

test.each([
  ['renew', 'ns/demo'],
  ['renew', 'ns/demo', '--withdraw'],
  ['release', 'ns/demo', '--yes'],
  ['release', 'ns/demo', '--dry-run'],
  ['revoke', 'ns/demo', '--reason', 'superseded', '--yes'],
  ['campaign', 'pause', 'leak'],
  ['campaign', 'abort', 'leak', '--yes'],
  ['campaign', 'resume', 'leak', '--dry-run'],
])('at a Temporal that never answers, it ends certman %s %s', async (...words) => {
  await expect(run(...words)).rejects.toThrow(NOTHING_REQUESTED);
});

test.each([
  ['renew', '-A', '--all', '--yes'],
  ['renew', '-A', '--all', '--yes', '--withdraw'],
  ['campaign', 'start', 'renew', '-A', '--all', '--yes'],
])('at an API server that never answers, it ends certman %s %s', async (...words) => {
  const folder = await mkdtemp(join(tmpdir(), 'certman-kubeconfig-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const apiServer = createServer(() => undefined);
  onTestFinished(() => {
    apiServer.closeAllConnections();
    apiServer.close();
  });
  apiServer.listen(0, '127.0.0.1');
  await once(apiServer, 'listening');
  const server = `http://127.0.0.1:${(apiServer.address() as AddressInfo).port}`;
  const kubeconfig = join(folder, 'kubeconfig');
  const config = {
    'current-context': 'prod',
    contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'me' } }],
    clusters: [{ name: 'prod', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: { token: 'token' } }],
  };
  await writeFile(kubeconfig, JSON.stringify(config));
  await expect(run(...words, '--kubeconfig', kubeconfig)).rejects.toThrow(NOTHING_REQUESTED);
});

test('a watch of a campaign ends with it, also before the first report', async () => {
  await expect(run('campaign', 'status', 'leak', '--watch')).rejects.toMatchObject({
    message: 'The campaign leak has not ended: the time of --timeout (1s) is over. The campaign goes on.',
  });
  await expect(run('campaign', 'status', 'leak')).rejects.toThrow('--timeout is for --watch');
});

test('a watch ends between two reports', async () => {
  const shown: number[] = [];
  const view = { show: (report: number) => void shown.push(report), end: () => undefined };
  const source = { read: () => Promise.resolve(1), isPassing: () => false };
  await watchUntilInterrupted(source, { json: true }, String, () => view, new TimeBound(50));
  expect(shown).toEqual([1]);
});

test.each(['soon', '0s', '8d', ''])('--timeout %j is no duration', (flag) => {
  expect(() => TimeBound.of(flag)).toThrow(/^--timeout is ".*"; expected a duration such as 30m, from 1s to 7d$/);
});

/** Every command with its subcommands. */
function all(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(all)];
}

test('has every command that waits for what a workflow does, and a default in its help', () => {
  const flags = all(createProgram()).flatMap((command) => {
    const option = command.options.find(({ long }) => long === '--timeout');
    return option === undefined ? [] : [`${command.parent?.name()} ${command.name()}: ${option.description}`];
  });
  expect(flags).toEqual([
    'certman doctor: for each check',
    'certman renew: how long to wait (default: 30m; of a selection, without a limit)',
    'certman revoke: how long to wait (default: 30m)',
    'campaign start: how long to wait (default: 30m)',
    'campaign status: with --watch: for how long (default: until it has ended)',
    'campaign pause: how long to wait (default: 30m)',
    'campaign resume: how long to wait (default: 30m)',
    'campaign abort: how long to wait (default: 30m)',
    'certman release: how long to wait (default: 30m)',
  ]);
});
