/**
 * Secrets stay in Kubernetes Secrets. The histories, logs, metrics and objects of a run (issuance, renewal, failures that quote
 * secrets, deletion) are searched for every key, credential and token that the worker used.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type SampleCluster, sampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { renew } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { readAccount, writeAccount } from '../../support/e2e/account-secret.ts';
import {
  applyClusterObjects,
  type ClusterObjects,
  identityOf,
  readInstalledCertificate,
  readReportedState,
  validClusterObjects,
} from '../../support/e2e/cluster-objects.ts';
import { recordsCertificate } from '../../support/e2e/evidence.ts';
import {
  findSecrets,
  privateKeyPatterns,
  type SearchableText,
  type SecretPattern,
  secretPattern,
} from '../../support/e2e/find-secrets.ts';
import { type E2eHarness, useE2eHarness } from '../../support/e2e/harness.ts';
import { recordRun, runTexts, workerTexts } from '../../support/e2e/run-texts.ts';
import { eventuallyFound } from '../../support/vitest/eventually.ts';

/** Random AWS credentials in the real format. */
const newAwsKeys = () => ({
  aws_access_key_id: `AKIA${randomBytes(16).toString('hex').toUpperCase().slice(0, 16)}`,
  aws_secret_access_key: randomBytes(30).toString('base64'),
});
const OWN_KEYS = newAwsKeys();
const GOOD_KEYS = newAwsKeys();
const REJECTED_KEYS = newAwsKeys();
const UNSIGNED_KEYS = newAwsKeys();
const SESSION_TOKEN = randomBytes(150).toString('base64');

const lab = useE2eHarness({ worker: false });

/** Starts a worker that logs everything. */
const startTracingWorker = (keyType: string) =>
  lab().startWorker({
    environment: {
      CERTMAN_KEY_TYPE: keyType,
      CERTMAN_LOG_LEVEL: 'trace',
      AWS_ACCESS_KEY_ID: OWN_KEYS.aws_access_key_id,
      AWS_SECRET_ACCESS_KEY: OWN_KEYS.aws_secret_access_key,
    },
  });

function newKey(): string {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

function withKeys(objects: ClusterObjects, stringData: Readonly<Record<string, string>>): ClusterObjects {
  return {
    ...objects,
    ...(objects.credentials === undefined ? {} : { credentials: { ...objects.credentials, stringData } }),
  };
}

/** AWS errors that quote parts of the request (IAM User Guide, "Troubleshooting signed requests"). */
function injectQuotingErrors(at: E2eHarness): void {
  const messages = {
    SignatureDoesNotMatch:
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
      `and signing method.\n\nThe Canonical String for this request should have been\n'GET\n/2013-04-01/hostedzone\n\n` +
      `host:route53.amazonaws.com\nx-amz-security-token:${SESSION_TOKEN}\n\nhost;x-amz-date'\n\nThe String-to-Sign should ` +
      `have been\n'AWS4-HMAC-SHA256\n20260101T000000Z\n${REJECTED_KEYS.aws_access_key_id}'`,
    IncompleteSignature:
      `Authorization header requires 'Signature' parameter. Authorization=AWS4-HMAC-SHA256 ` +
      `Credential=${UNSIGNED_KEYS.aws_access_key_id}/20260101/us-east-1/route53/aws4_request, X-Amz-Security-Token=${SESSION_TOKEN}`,
  };
  for (const [code, keys] of [
    ['SignatureDoesNotMatch', REJECTED_KEYS],
    ['IncompleteSignature', UNSIGNED_KEYS],
  ] as const) {
    at.route53.inject({
      when: ({ headers }) => String(headers['authorization']).includes(`Credential=${keys.aws_access_key_id}/`),
      fault: {
        kind: 'answer',
        status: 403,
        headers: { 'content-type': 'text/xml' },
        body: `<ErrorResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${messages[code]}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
      },
    });
  }
}

/** Waits until the certificate is in its Secret and in the status. @returns its serial number. */
async function waitUntilIssued(cluster: SampleCluster): Promise<string> {
  return await eventuallyFound(
    `a certificate for ${cluster.name}`,
    async () => {
      const [issued, { status }] = await Promise.all([
        readInstalledCertificate(lab(), cluster),
        readReportedState(lab(), cluster),
      ]);
      if (issued === undefined || status['serialNumber'] !== issued.serialNumber) return undefined;
      // The order writes the status; a renewal that is requested before its workflow knows is fulfilled by that order.
      const identity = await identityOf(lab(), cluster);
      return (await recordsCertificate(lab(), { identity }, issued.serialNumber)) ? issued.serialNumber : undefined;
    },
    () => readReportedState(lab(), cluster),
  );
}

async function waitUntilFailing(cluster: SampleCluster, reason: string): Promise<void> {
  await eventuallyFound(
    `${cluster.name} reports ${reason}`,
    async () => (await readReportedState(lab(), cluster)).conditions.find((condition) => condition.reason === reason),
    () => readReportedState(lab(), cluster),
  );
}

/** A user's Secret with key and certificate swapped. */
function swappedSecret(cluster: SampleCluster, keyPem: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: cluster.namespace, name: cluster.secretName },
    type: 'kubernetes.io/tls',
    stringData: { 'tls.crt': keyPem, 'tls.key': 'the certificate' },
  };
}

function textOf(secret: KubernetesObject, entry: string): string | undefined {
  const data = (secret['data'] ?? {}) as Readonly<Record<string, string>>;
  return data[entry] === undefined ? undefined : Buffer.from(data[entry], 'base64').toString();
}

/** A finished run and what to search it for. */
interface Run {
  readonly texts: readonly SearchableText[];
  readonly needles: readonly SecretPattern[];
  readonly keys: number;
  readonly serials: readonly string[];
  readonly cluster: SampleCluster;
}

async function performRun(): Promise<Run> {
  const at = lab();
  injectQuotingErrors(at);
  const recording = recordRun(at);
  const first = await startTracingWorker('rsa-2048');
  const newCluster = (name: string) => {
    const cluster = sampleCluster(name, at.zone.name);
    return { cluster, good: validClusterObjects(cluster, at.zone.zoneId) };
  };
  const [good, rejected, unsigned, late] = [
    newCluster('good'),
    newCluster('rejected'),
    newCluster('unsigned'),
    newCluster('late'),
  ];
  const usersKey = newKey();

  await Promise.all([
    applyClusterObjects(at, {
      ...withKeys(good.good, GOOD_KEYS),
      others: [[SECRETS, swappedSecret(good.cluster, usersKey)]],
    }),
    applyClusterObjects(at, withKeys(rejected.good, REJECTED_KEYS)),
    applyClusterObjects(at, withKeys(unsigned.good, UNSIGNED_KEYS)),
  ]);
  const issued = await waitUntilIssued(good.cluster);
  await waitUntilFailing(rejected.cluster, 'DnsAccessDenied');
  await waitUntilFailing(unsigned.cluster, 'DnsAccessDenied');

  const handle = at.client.workflow.getHandle(clusterWorkflowId(await identityOf(at, good.cluster)));
  const [renewed] = await handle.executeUpdate(renew, { args: [{}] });
  const renewal = renewed?.certificate.serialNumber ?? '';

  // A new worker starts with an account Secret whose entries are swapped; then its key is damaged.
  const { 'private-key': accountKey, 'account-url': accountUrl } = await readAccount(at);
  const early = await workerTexts(first);
  await at.stopWorkers();
  await writeAccount(lab(), { 'private-key': accountUrl, 'account-url': accountKey });
  const second = await startTracingWorker('p-256');
  await applyClusterObjects(at, withKeys(late.good, GOOD_KEYS));
  await waitUntilFailing(late.cluster, 'AcmeAccountInvalid');
  await writeAccount(lab(), { 'private-key': accountKey.replace(/\n(.{20})/, '\n!$1'), 'account-url': accountUrl });
  await waitUntilFailing(late.cluster, 'AcmeAccountInvalid');
  await writeAccount(lab(), { 'private-key': accountKey, 'account-url': accountUrl });
  const other = await waitUntilIssued(late.cluster);

  await Promise.all(
    [good, late].map(async ({ cluster }) => {
      const key = { namespace: cluster.namespace, name: cluster.name };
      await at.kubernetes.delete(CLUSTER_DEPLOYMENTS, key);
      await eventuallyFound(
        `${cluster.name} is gone`,
        async () => ((await at.kubernetes.get(CLUSTER_DEPLOYMENTS, key)) === undefined ? true : undefined),
        () => readReportedState(at, cluster),
      );
    }),
  );
  const texts = [...early, ...(await workerTexts(second)), ...(await runTexts(at, recording))];
  await recording.stop();

  const keyPems = new Set(
    recording.secrets.objects
      .flatMap((secret) => textOf(secret, 'tls.key') ?? [])
      .filter((text) => text.includes('PRIVATE')),
  );
  const kubeconfig = await readFile(at.managementCluster.kubeconfig, 'utf8');
  const token = /"token":\s*"([^"]+)"/.exec(kubeconfig)?.[1] ?? '';
  return {
    texts,
    needles: [
      ...[...keyPems].flatMap((pem, index) => privateKeyPatterns(`certificate key ${index + 1}`, pem)),
      ...privateKeyPatterns("a user's key", usersKey),
      ...privateKeyPatterns('account key', accountKey),
      ...[OWN_KEYS, GOOD_KEYS, REJECTED_KEYS, UNSIGNED_KEYS].flatMap((keys) => [
        secretPattern('an AWS key id', keys.aws_access_key_id),
        secretPattern('an AWS secret key', keys.aws_secret_access_key),
      ]),
      secretPattern('an AWS session token', SESSION_TOKEN.slice(0, 60)),
      ...token
        .split('.')
        .map((part, index) => secretPattern(`ServiceAccount token, part ${index + 1}`, part.slice(0, 60))),
    ],
    keys: keyPems.size,
    serials: [issued, renewal, other],
    cluster: good.cluster,
  };
}

describe('the texts of a run', () => {
  let run: Run;
  beforeAll(async () => {
    run = await performRun();
  });

  it('contain public values, which the same search finds in every place', () => {
    const placesOf = (value: string) => findSecrets(run.texts, [{ what: 'it', forms: [value] }]).join('\n');
    for (const serial of run.serials) {
      expect(placesOf(serial)).toMatch(/history of issue\//);
      expect(placesOf(serial)).toMatch(/history of cluster\//);
      expect(placesOf(serial)).toMatch(/CertificateRequest/);
      expect(placesOf(serial)).toMatch(/Event/);
    }
    const name = run.cluster.dnsNames[0] ?? '';
    for (const where of [/history of issue/, /description of/, /CertificateRequest/])
      expect(placesOf(name)).toMatch(where);
    expect(placesOf('"level":"debug"')).toMatch(/^it in log$/m);
    expect(placesOf(run.cluster.name)).toMatch(/^it in log$/m);
    expect(placesOf('certman_')).toMatch(/^it in metrics$/m);
    expect(placesOf('temporal_')).toMatch(/^it in metrics of the SDK$/m);
  });

  it('belong to a run with three certificate keys, AWS credentials and a ServiceAccount token', () => {
    // Two certificates of one cluster and one of another.
    expect(new Set(run.serials).size).toBe(3);
    expect(run.keys).toBe(3);
    expect(run.needles.length).toBeGreaterThan(60);
  });

  it('contain no secret in any history, log, metric, Event or status', () => {
    expect(findSecrets(run.texts, run.needles)).toEqual([]);
  });
});
