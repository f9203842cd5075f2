import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeleteHostedZoneCommand, Route53Client } from '@aws-sdk/client-route-53';
import { Client, type Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { servesZone } from '../../../local/stack/dns-query.ts';
import { readEndpoints } from '../../../local/stack/endpoints.ts';
import { sendRequest } from '../../../local/stack/http.ts';
import { type RunningStack, startStack } from '../../../local/stack/stack.ts';
import { TEMPORAL_RETENTION_DAYS } from '../../../local/stack/versions.ts';
import { connect } from '../../../src/temporal/connect.ts';
import { waitForExit } from '../../support/process/wait-for-exit.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

let stateDir: string;
let stack: RunningStack;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'certman-local-'));
  stack = await startStack({ stateDir, temporal: { dbFilename: 'temporal.db' } });
});
afterAll(async () => {
  await stack?.stop();
  await rm(stateDir, { recursive: true, force: true });
});

function dnsServer(): { readonly host: string; readonly port: number } {
  const [host = '', port] = stack.dns.address.split(':');
  return { host, port: Number(port) };
}

describe('a killed part restarts on its port', () => {
  test('the API server and etcd, with their objects', async () => {
    await stack.kubectl(['create', 'namespace', 'kept']);
    const pids = [stack.part('kube-apiserver').pid() ?? 0, stack.part('etcd').pid() ?? 0];
    await stack.part('kube-apiserver').kill();
    await stack.part('etcd').kill();
    expect(await waitForExit(pids)).toEqual([]);
    await expect(stack.kubectl(['get', 'namespace', 'kept'])).rejects.toThrow(/refused/);
    await stack.part('etcd').start();
    await stack.part('kube-apiserver').start();
    expect(await stack.kubectl(['get', 'namespace', 'kept', '-o', 'name'])).toBe('namespace/kept\n');
  });

  test('Temporal, with its workflows', async () => {
    const { address, namespace } = stack.temporal;
    const start = async (connection: Connection): Promise<void> => {
      await new Client({ connection, namespace }).workflow.start('none', { workflowId: 'kept', taskQueue: 'none' });
    };
    const before = await connect({ address });
    await start(before);
    await before.close();
    await stack.part('temporal').stop();
    await stack.part('temporal').start();
    const after = await connect({ address });
    const described = await new Client({ connection: after, namespace }).workflow.getHandle('kept').describe();
    await after.close();
    expect(described.status.name).toBe('RUNNING');
  });

  test('CoreDNS, with its zones', async () => {
    await stack.createZone('kept.example.com');
    await stack.part('coredns').kill();
    await stack.part('coredns').start();
    expect(await servesZone(dnsServer(), 'kept.example.com')).toBe(true);
  });
});

test('a paused part accepts connections and does not respond until it is resumed', async () => {
  const { directoryUrl, caFile } = stack.acme;
  stack.part('pebble').pause();
  await expect(sendRequest(directoryUrl, { caFile, signal: AbortSignal.timeout(300) })).rejects.toThrow();
  stack.part('pebble').resume();
  expect((await sendRequest(directoryUrl, { caFile })).status).toBe(200);
});

describe('zones', () => {
  test('created at once are all served', async () => {
    const names = Array.from({ length: 6 }, (_, index) => `at-once-${index}.example.com`);
    const zones = await Promise.all(names.map((name) => stack.createZone(name)));
    expect(new Set(zones.map(({ zoneId }) => zoneId)).size).toBe(names.length);
    for (const name of names) expect(await servesZone(dnsServer(), name)).toBe(true);
  });

  test('that are private exist in Route 53 and not in DNS', async () => {
    const { zoneId } = await stack.createZone('private.example.com', { private: true });
    expect(zoneId).toMatch(/^[A-Z0-9]+$/);
    expect(await servesZone(dnsServer(), 'private.example.com')).toBe(false);
  });

  test('that were deleted do not prevent others from being served', async () => {
    const { zoneId } = await stack.createZone('deleted.example.com');
    const { endpoint, region, credentials } = stack.route53;
    const route53 = new Route53Client({ endpoint, region, credentials });
    await route53.send(new DeleteHostedZoneCommand({ Id: zoneId }));
    route53.destroy();
    await stack.createZone('after-deletion.example.com');
    expect(await servesZone(dnsServer(), 'deleted.example.com')).toBe(false);
  });
});

test('garbage is collected by owner reference, and namespaces are removed', async () => {
  await stack.kubectl(['create', 'namespace', 'ending']);
  await stack.kubectl(['create', 'configmap', 'inside', '-n', 'ending']);
  await stack.kubectl(['delete', 'namespace', 'ending', '--timeout=5m'], { timeoutMs: WAIT_TIMEOUT_MS });
  await expect(stack.kubectl(['get', 'namespace', 'ending'])).rejects.toThrow(/not found/);
});

test('Temporal retains closed workflows for 30 days', async () => {
  const connection = await connect({ address: stack.temporal.address });
  const { namespace } = stack.temporal;
  const { config } = await connection.workflowService.describeNamespace({ namespace });
  await connection.close();
  expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(TEMPORAL_RETENTION_DAYS * 86_400);
});

test('the CA has a profile for each lifetime', async () => {
  const { body } = await sendRequest(stack.acme.directoryUrl, { caFile: stack.acme.caFile });
  const { meta } = JSON.parse(body) as { readonly meta: { readonly profiles: Record<string, string> } };
  expect(Object.keys(meta.profiles)).toEqual(
    expect.arrayContaining(['default', 'two-minutes', 'sixty-seconds', 'd64', 'd45']),
  );
});

test('a second stack in the folder is refused, with the process of the first', async () => {
  await expect(startStack({ stateDir })).rejects.toThrow(
    new RegExp(`A stack runs in ${stateDir} already.*process ${process.pid}`),
  );
  expect((await readEndpoints(stateDir)).temporal.address).toBe(stack.temporal.address);
});
