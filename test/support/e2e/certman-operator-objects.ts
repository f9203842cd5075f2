/**
 * Creates a cluster's objects as openshift/certman-operator does: the certificate (RSA 2048, one TXT record per name), its field
 * manager, and dates in the format of Go's `Time.String()`.
 * Source: github.com/openshift/certman-operator, controllers/ (createCertificateRequest, IssueCertificate, updateStatus).
 */
import { X509Certificate } from 'node:crypto';
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:https';
import { ChangeResourceRecordSetsCommand, Route53Client } from '@aws-sdk/client-route-53';
import acme from 'acme-client';
import { CERTIFICATE_REQUESTS, FINALIZER, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { eventually } from '../vitest/eventually.ts';
import type { E2eCluster } from './clusters.ts';
import type { E2eHarness } from './harness.ts';

const FIELD_MANAGER = 'certman-operator';

/** A certificate issued as certman-operator issues it. */
export interface OperatorCertificate {
  readonly chainPem: string;
  readonly keyPem: string;
  /** Decimal. */
  readonly serialNumber: string;
  readonly leaf: X509Certificate;
}

export interface OperatorObjectsOptions {
  /** Default true. */
  readonly ownerReferences?: boolean;
  /** Writes the status of a failed renewal. Default false. */
  readonly failedBefore?: boolean;
}

/** Creates CertificateRequest and Secret and adds the finalizer to the ClusterDeployment, which must exist. */
export async function writeOperatorObjects(
  lab: E2eHarness,
  cluster: E2eCluster,
  certificate: OperatorCertificate,
  { ownerReferences: owners = true, failedBefore = false }: OperatorObjectsOptions = {},
): Promise<void> {
  const { namespace, name, requestName, secretName } = cluster;
  const kubectl = (args: readonly string[], input?: string) =>
    lab.stack.kubectl(
      [...args, '-n', namespace, `--field-manager=${FIELD_MANAGER}`],
      input === undefined ? {} : { input },
    );
  const patch = (args: readonly string[], change: object) =>
    kubectl(['patch', ...args, '--type=merge', '-p', JSON.stringify(change)]);
  const create = (object: object) => kubectl(['create', '-f', '-'], JSON.stringify(object));
  await patch(['clusterdeployment', name], { metadata: { finalizers: [FINALIZER] } });
  await create({
    apiVersion: 'certman.managed.openshift.io/v1alpha1',
    kind: 'CertificateRequest',
    metadata: {
      name: requestName,
      finalizers: [FINALIZER],
      ...(owners
        ? { ownerReferences: [owner('hive.openshift.io/v1', 'ClusterDeployment', name, cluster.identity.uid)] }
        : {}),
    },
    spec: operatorSpec(cluster),
  });
  const request = await lab.kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name: requestName });
  const uid = request?.metadata.uid ?? '';
  await create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: secretName,
      labels: { certificate_request: requestName },
      ...(owners
        ? { ownerReferences: [owner('certman.managed.openshift.io/v1alpha1', 'CertificateRequest', requestName, uid)] }
        : {}),
    },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': btoa(certificate.chainPem), 'tls.key': btoa(certificate.keyPem) },
  });
  const status = {
    issued: !failedBefore,
    issuerName: /CN=(.*)/.exec(certificate.leaf.issuer)?.[1] ?? '',
    notBefore: formatGoTime(certificate.leaf.validFromDate),
    notAfter: formatGoTime(certificate.leaf.validToDate),
    serialNumber: certificate.serialNumber,
    status: failedBefore ? 'Error' : 'Success',
    ...(failedBefore
      ? {
          conditions: [
            {
              type: 'acme error',
              status: 'Error',
              message: 'acme: error code 500: urn:ietf:params:acme:error:serverInternal',
            },
          ],
        }
      : {}),
  };
  await patch(['certificaterequest', requestName, '--subresource=status'], { status });
}

/** The spec that its controller compares with the existing one (reflect.DeepEqual). */
export function operatorSpec(
  cluster: Pick<E2eCluster, 'namespace' | 'zone' | 'secretName' | 'dnsNames'>,
): Readonly<Record<string, unknown>> {
  return {
    acmeDNSDomain: cluster.zone,
    certificateSecret: { kind: 'secret', namespace: cluster.namespace, name: cluster.secretName },
    dnsNames: cluster.dnsNames,
    email: 'sre@example.com',
    platform: { aws: { credentials: { name: 'aws' }, region: 'us-east-1' } },
  };
}

/** `time.Time.String()` of an instant in UTC. */
export function formatGoTime(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`;
}

/** An owner reference as its controller sets it. */
export function owner(apiVersion: string, kind: string, name: string, uid: string) {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Issues a certificate for a cluster as certman-operator does. */
export async function issueAsOperator(lab: E2eHarness, { dnsNames }: E2eCluster): Promise<OperatorCertificate> {
  return await issueWithAcmeClient(lab, dnsNames);
}

/** Issues a certificate with acme-client, on the account of the management cluster. */
export async function issueWithAcmeClient(lab: E2eHarness, dnsNames: readonly string[]): Promise<OperatorCertificate> {
  acme.axios.defaults.httpsAgent = new Agent({ ca: await readFile(lab.stack.acme.caFile), keepAlive: true });
  const account = await lab.kubernetes.get(SECRETS, { namespace: 'certman-operator', name: 'lets-encrypt-account' });
  const stored = account?.['data'] as Readonly<Record<'private-key' | 'account-url', string>>;
  const client = new acme.Client({
    directoryUrl: `${lab.ca.url}/dir`,
    accountKey: atob(stored['private-key']),
    accountUrl: atob(stored['account-url']),
    backoffMin: 100,
    backoffMax: 1_000,
  });
  const [key, csr] = await acme.crypto.createCsr(
    { commonName: dnsNames[0] ?? '', altNames: [...dnsNames] },
    await acme.crypto.createPrivateRsaKey(2048),
  );
  const resolver = new Resolver({ timeout: 2_000, tries: 1 });
  resolver.setServers([lab.stack.dns.address]);
  const identifiers = dnsNames.map((value) => ({ type: 'dns', value }));
  // Without a profile Pebble picks any, also one of a minute. acme-client's type lacks the field, but it sends the object as is.
  const wanted: Parameters<typeof client.createOrder>[0] & { profile: string } = { identifiers, profile: 'default' };
  const order = await client.createOrder(wanted);
  for (const authorization of await client.getAuthorizations(order)) {
    const challenge = authorization.challenges.find(({ type }) => type === 'dns-01');
    if (challenge === undefined || authorization.status === 'valid') continue;
    const record = `_acme-challenge.${authorization.identifier.value}`;
    const value = await client.getChallengeKeyAuthorization(challenge);
    await changeTxt(lab, 'UPSERT', record, value);
    await eventually(
      `DNS answers for ${record}`,
      () => resolver.resolveTxt(record),
      (values) => values.some(([text]) => text === value),
    );
    await client.completeChallenge(challenge);
    await client.waitForValidStatus(authorization);
    await changeTxt(lab, 'DELETE', record, value);
  }
  const chainPem = await client.getCertificate(await client.finalizeOrder(order, csr));
  const leaf = new X509Certificate(chainPem);
  return { chainPem, keyPem: key.toString(), serialNumber: BigInt(`0x${leaf.serialNumber}`).toString(), leaf };
}

async function changeTxt(lab: E2eHarness, action: 'UPSERT' | 'DELETE', name: string, value: string): Promise<void> {
  const { endpoint, region, credentials } = lab.stack.route53;
  const route53 = new Route53Client({ endpoint, region, credentials });
  try {
    const ResourceRecordSet = {
      Name: `${name}.`,
      Type: 'TXT' as const,
      TTL: 60,
      ResourceRecords: [{ Value: `"${value}"` }],
    };
    await route53.send(
      new ChangeResourceRecordSetsCommand({
        HostedZoneId: lab.zone.zoneId,
        ChangeBatch: { Changes: [{ Action: action, ResourceRecordSet }] },
      }),
    );
  } finally {
    route53.destroy();
  }
}
