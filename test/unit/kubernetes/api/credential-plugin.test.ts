/** A credential plugin that hangs: real scripts, and what waits for them. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withKubernetes } from '../../../../src/cli/kubernetes-client.ts';
import { createProgram } from '../../../../src/cli/program.ts';
import { PluginTimeoutError } from '../../../../src/kubernetes/api/credential-plugin.ts';
import { Transport } from '../../../../src/kubernetes/api/transport.ts';
import { eventually } from '../../../support/vitest/eventually.ts';

const GET = { method: 'GET', path: '/version' } as const;

let folder: string;
let headers: IncomingHttpHeaders[];
let url: string;
const ends: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-plugin-'));
  headers = [];
  const server = createServer((request, response) => {
    headers.push(request.headers);
    response.end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await rm(folder, { recursive: true });
});

const at = (name: string) => join(folder, name);

/** A plugin that writes its process id, then runs `script`. */
async function kubeconfigWith(script: string, exec: object = {}): Promise<string> {
  await writeFile(at('plugin'), `#!/bin/sh\necho $$ >> ${at('runs')}\n${script}\n`);
  await chmod(at('plugin'), 0o755);
  const config = {
    'current-context': 'prod',
    contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'me' } }],
    clusters: [{ name: 'prod', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: { exec: { apiVersion: 'v1', command: at('plugin'), ...exec } } }],
  };
  await writeFile(at('kubeconfig'), JSON.stringify(config));
  return at('kubeconfig');
}

async function transportWith(script: string, timeoutMs?: number, exec?: object): Promise<Transport> {
  const config = new KubeConfig();
  config.loadFromFile(await kubeconfigWith(script, exec));
  const transport = new Transport(config, timeoutMs);
  ends.push(() => transport.close());
  return transport;
}

/** Process ids of its runs: one that is killed early may have written none. */
async function runs(): Promise<readonly number[]> {
  const text = await readFile(at('runs'), 'utf8').catch(() => '');
  return text.trim() === '' ? [] : text.trim().split('\n').map(Number);
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const untilEnded = async () =>
  await eventually(
    'the end of the plugin',
    async () => (await runs()).filter(isRunning),
    (left) => left.length === 0,
  );

/** `exec`, so that the process that is killed is the one that sleeps. */
const HANGS = 'exec sleep 3600';
const IGNORES = "trap '' TERM\nwhile :; do sleep 1; done";
const credential = (status: object) => `echo '${JSON.stringify({ kind: 'ExecCredential', status })}'`;

test('its token is sent, and it runs once for many requests', async () => {
  const transport = await transportWith(credential({ token: 'secret' }));
  await Promise.all([transport.send(GET), transport.send(GET)]);
  await transport.send(GET);
  expect(headers.map(({ authorization }) => authorization)).toEqual(Array(3).fill('Bearer secret'));
  expect(await runs()).toHaveLength(1);
});

test('it has the arguments and the environment of the kubeconfig', async () => {
  const script = 'echo "{\\"status\\":{\\"token\\":\\"$1-$CLUSTER\\"}}"';
  const exec = { args: ['one'], env: [{ name: 'CLUSTER', value: 'two' }] };
  await (await transportWith(script, undefined, exec)).send(GET);
  expect(headers[0]?.authorization).toBe('Bearer one-two');
});

test.each([
  ['that hangs', HANGS],
  ['that hangs, and ignores SIGTERM', IGNORES],
])('one %s is killed when its time is over, and runs anew for the next request', async (_what, script) => {
  const transport = await transportWith(script, 200);
  for (let count = 0; count < 2; count += 1) {
    const failure = transport.send(GET);
    await expect(failure).rejects.toBeInstanceOf(PluginTimeoutError);
    await expect(failure).rejects.toMatchObject({
      code: 'kubernetes/unreachable',
      message: `The credential plugin ${at('plugin')} of the kubeconfig has not answered within 0.2 s.`,
      info: { remedy: expect.stringContaining('Run it by itself') as string },
    });
  }
  await untilEnded();
});

test('a caller waits no longer than its own signal', async () => {
  const transport = await transportWith(HANGS);
  const stopped = new AbortController();
  const failure = transport.send({ ...GET, signal: stopped.signal });
  stopped.abort(new Error('stopped'));
  await expect(failure).rejects.toThrow('stopped');
  const lines = transport.streamLines('/watch', AbortSignal.abort(new Error('ended')), {});
  await expect(lines.next()).rejects.toThrow('ended');
});

test('the end of a command kills it, and the person sees that it was waited for', async () => {
  const kubeconfig = await kubeconfigWith(HANGS);
  const over = new AbortController();
  const failure = withKubernetes((kubernetes) => kubernetes.getJson('/version'), { kubeconfig }, over.signal);
  await eventually('its start', runs, (started) => started.length === 1);
  over.abort(new DOMException('The time is over', 'TimeoutError'));
  await expect(failure).rejects.toMatchObject({
    message: `The credential plugin ${at('plugin')} of the kubeconfig has not answered.`,
    info: { remedy: expect.stringContaining('Run it by itself') as string },
  });
  await untilEnded();
});

test('--timeout of a command bounds it', async () => {
  const kubeconfig = await kubeconfigWith(HANGS);
  const words = ['renew', '-A', '--all', '--yes', '--timeout', '1s', '--kubeconfig', kubeconfig];
  await expect(createProgram().parseAsync(words, { from: 'user' })).rejects.toThrow(
    /Nothing was requested: the time of --timeout \(1s\) is over\.$/,
  );
});

test.each([
  ['that fails', 'echo "log in first" >&2; exit 1', 'log in first'],
  ['that prints something else', 'echo secret', 'prints something that is no ExecCredential'],
])('one %s says why, without what it prints', async (_what, script, why) => {
  const failure = await (await transportWith(script)).send(GET).catch((error: unknown) => error);
  expect(failure).toMatchObject({
    code: 'configuration/invalid',
    message: expect.stringContaining(why) as string,
  });
  expect(JSON.stringify(failure)).not.toContain('secret');
});

test('one that is not there is named', async () => {
  const transport = await transportWith('', undefined, { command: 'certman-no-such-plugin' });
  await expect(transport.send(GET)).rejects.toThrow('spawn certman-no-such-plugin ENOENT');
});
