/** What a command says of an API server that it cannot use. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withKubernetes } from '../../../src/cli/kubernetes-client.ts';
import { withRemedyForPeople } from '../../../src/cli/kubernetes-remedies.ts';
import { CertmanError } from '../../../src/failures/failure.ts';

let answer = { status: 401, message: 'Unauthorized', reason: 'Unauthorized' };
const server = createServer((_request, response) => {
  const { status, message, reason } = answer;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ kind: 'Status', status: 'Failure', message, reason }));
});
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certman-kubeconfig-'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

async function kubeconfigOf(url: string): Promise<string> {
  const path = join(folder, 'kubeconfig');
  const config = {
    'current-context': 'prod',
    contexts: [{ name: 'prod', context: { cluster: 'prod', user: 'me' } }],
    clusters: [{ name: 'prod', cluster: { server: url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: { token: 'expired' } }],
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

test('credentials that have expired: log in again', async () => {
  const kubeconfig = await kubeconfigOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const failed = withKubernetes((kubernetes) => kubernetes.getJson('/version'), { kubeconfig });
  await expect(failed).rejects.toMatchObject({
    code: 'kubernetes/forbidden',
    message: expect.stringContaining('401 Unauthorized') as string,
    info: { remedy: expect.stringMatching(/context prod have not expired, by logging in again/) as string },
  });
});

test.each([
  ['alice@example.com', /^alice@example\.com was refused, by the credentials of the context prod: /],
  [
    'system:serviceaccount:certman-operator:certman',
    /^The ServiceAccount certman in certman-operator was refused, .* compare its rights with deploy\/base\/rbac\.yaml/,
  ],
])('a right that %s does not have: who was refused', async (user, remedy) => {
  const message = `secrets is forbidden: User "${user}" cannot list resource "secrets" in API group "" at the cluster scope`;
  answer = { status: 403, message, reason: 'Forbidden' };
  const kubeconfig = await kubeconfigOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const failed = withKubernetes((kubernetes) => kubernetes.getJson('/api/v1/secrets'), { kubeconfig });
  await expect(failed).rejects.toMatchObject({ info: { remedy: expect.stringMatching(remedy) as string } });
});

test('an API server that does not answer: which one was meant; the command does not try again', async () => {
  const kubeconfig = await kubeconfigOf('https://127.0.0.1:1');
  const failed = withKubernetes((kubernetes) => kubernetes.getJson('/version'), { kubeconfig });
  await expect(failed).rejects.toMatchObject({
    code: 'kubernetes/unreachable',
    info: { remedy: expect.stringMatching(/context prod is the one that you mean .* run the command again/) as string },
  });
});

test.each([
  ['kubernetes/unreachable', 'NetworkPolicies of this pod'],
  ['kubernetes/forbidden', 'ServiceAccount of this pod'],
  ['kubernetes/unexpected', 'between this pod and the API server'],
] as const)('in a pod, what to do about %s names no context', (code, remedy) => {
  const config = new KubeConfig();
  config.loadFromCluster();
  const shown = withRemedyForPeople(new CertmanError({ code, message: 'no answer' }), config.getCurrentContext());
  expect(shown).toMatchObject({ code, info: { remedy: expect.stringContaining(remedy) as string } });
  expect((shown as CertmanError).info.remedy).not.toContain('context');
});

test('any other failure is that of the work', async () => {
  const kubeconfig = await kubeconfigOf('https://127.0.0.1:1');
  const failure = new CertmanError({ code: 'acme/unreachable', message: 'no answer', remedy: 'its own' });
  await expect(withKubernetes(() => Promise.reject(failure), { kubeconfig })).rejects.toBe(failure);
});
