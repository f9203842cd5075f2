import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CertificateSelection, selectCertificates } from '../../../../src/cli/campaign/select-certificates.ts';
import {
  type CertificateSelectionOptions,
  certificateSelectionOf,
  describeCertificateSelection,
} from '../../../../src/cli/campaign/selection-options.ts';
import type {
  KubernetesApi,
  KubernetesObject,
  ListOptions,
  ResourceType,
} from '../../../../src/kubernetes/api/kubernetes-api.ts';
import { CERTIFICATE_REQUESTS } from '../../../../src/kubernetes/objects/resources.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const DAY_MS = 86_400_000;

/** A CertificateRequest that expires so many days after {@link NOW}. */
function request(name: string, days: number, owner?: string, change: Record<string, unknown> = {}): KubernetesObject {
  const ownerReferences = [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: owner, uid: 'u' }];
  return {
    metadata: { namespace: 'ns', name, uid: `uid-${name}`, ...(owner !== undefined && { ownerReferences }) },
    spec: { dnsNames: [`api.${name}.example.com`] },
    status: {
      issued: true,
      serialNumber: String(1000 + days),
      issuerName: days < 30 ? 'R12' : 'R13',
      notBefore: new Date(NOW + (days - 90) * DAY_MS).toISOString(),
      notAfter: new Date(NOW + days * DAY_MS).toISOString(),
      ...change,
    },
  };
}

const REQUESTS = [
  request('c1-primary', 50, 'c1'),
  request('alone', 20),
  request('c2-primary', 10, 'c2'),
  request('c2-extra', 60, 'c2'),
  request('c3-primary', 0, 'c3', { serialNumber: undefined }),
];

/** @param labelled names of the ClusterDeployments that a label selector finds. */
const api = (labelled: readonly string[] = []): KubernetesApi =>
  ({
    list: (resource: ResourceType, { labelSelector }: ListOptions) => {
      const requests = labelSelector === undefined ? REQUESTS : [];
      const deployments = labelled.map((name) => ({ metadata: { namespace: 'ns', name } }));
      return Readable.from(resource === CERTIFICATE_REQUESTS ? requests : deployments);
    },
  }) as unknown as KubernetesApi;

const select = async (selection: CertificateSelection, labelled?: readonly string[]) =>
  await selectCertificates(api(labelled), 'hive', selection);

describe('selects', () => {
  test('what is in use, by the workflow that has it; what expires first is first', async () => {
    const { certificates } = await select({});
    expect(
      certificates.map(({ workflowId, bundleName, serialNumber }) => [workflowId, bundleName, serialNumber]),
    ).toEqual([
      ['cluster/hive/ns/c2/u', 'primary', '1010'],
      ['request/hive/ns/alone/uid-alone', 'alone', '1020'],
      ['cluster/hive/ns/c1/u', 'primary', '1050'],
      ['cluster/hive/ns/c2/u', 'extra', '1060'],
    ]);
  });

  test.each<readonly [string, CertificateSelection, readonly string[]]>([
    ['a domain', { domain: 'c2-primary.example.com' }, ['1010']],
    ['a domain, but not by the end of a label', { domain: '2-primary.example.com' }, []],
    ['an issuer', { issuer: 'r12' }, ['1010', '1020']],
    ['issued before', { issuedBefore: NOW - 45 * DAY_MS }, ['1010', '1020']],
    ['expiring before', { expiresBefore: NOW + 15 * DAY_MS }, ['1010']],
    ['serial numbers', { serialNumbers: new Set(['1050', '7']) }, ['1050']],
    ['clusters', { clusters: new Set(['ns/c2', 'ns/none']) }, ['1010', '1060']],
    ['a domain above', { domain: 'example.com', issuer: 'R12' }, ['1010', '1020']],
    ['all of several', { clusters: new Set(['ns/c2']), issuer: 'R13' }, ['1060']],
  ])('by %s', async (_what, selection, serials) => {
    const { certificates } = await select(selection);
    expect(certificates.map(({ serialNumber }) => serialNumber)).toEqual(serials);
  });

  test('by the labels of the ClusterDeployment', async () => {
    const { certificates } = await select({ selector: 'a=b' }, ['c2']);
    expect(certificates.map(({ cluster }) => cluster)).toEqual(['ns/c2', 'ns/c2']);
  });

  test('and says which of what was listed is not there', async () => {
    const selection = { serialNumbers: new Set(['1050', '7']), clusters: new Set(['ns/c1', 'ns/none']) };
    expect(await select(selection)).toMatchObject({ unknownSerials: ['7'], unknownClusters: ['ns/none'] });
  });
});

describe('the flags', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'certman-selection-'));
    await writeFile(join(folder, 'serials'), '04:1A # 1050\n');
    await writeFile(join(folder, 'wrong'), '1050\nnot one\n');
    await writeFile(join(folder, 'clusters'), 'ns/c1\n\n# a comment\nns/c2\n');
    await writeFile(join(folder, 'empty'), '# nothing\n');
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('of files', async () => {
    const files = { serials: join(folder, 'serials'), clusters: join(folder, 'clusters') };
    const selection = await certificateSelectionOf(files, NOW);
    expect(selection).toMatchObject({
      namespace: undefined,
      serialNumbers: new Set(['1050']),
      clusters: new Set(['ns/c1', 'ns/c2']),
    });
    expect(describeCertificateSelection(selection)).toBe('in all namespaces, of 1 serial number, of 2 listed clusters');
  });

  test('of instants', async () => {
    const options = { allNamespaces: true, expiresBefore: '30d', issuedBefore: '2026-05-28T12:00:00Z' } as const;
    expect(await certificateSelectionOf(options, NOW)).toMatchObject({
      expiresBefore: NOW + 30 * DAY_MS,
      issuedBefore: Date.parse('2026-05-28T12:00:00Z'),
    });
  });

  test('of a domain', async () => {
    const selection = await certificateSelectionOf({ allNamespaces: true, domain: 'Example.com.' }, NOW);
    expect(selection.domain).toBe('example.com');
    expect(describeCertificateSelection(selection)).toBe('in all namespaces, with a name of domain example.com');
  });

  test.each<readonly [CertificateSelectionOptions, string]>([
    [{ domain: '*.example.com', allNamespaces: true }, '--domain is "*.example.com" (names below a domain are meant'],
    [{ domain: 'example', allNamespaces: true }, 'it needs at least two labels'],
    [{ allNamespaces: true }, 'nothing is selected'],
    [{ issuer: 'R12' }, 'expected -n <namespace>, or -A'],
    [{ issuer: '', allNamespaces: true }, 'a flag is empty'],
    [{ expiresBefore: '30', allNamespaces: true }, '--expires-before is "30"; expected an instant'],
    [{ serials: 'WRONG' }, '1 line without a serial number; the first is "not one"'],
    [{ serials: 'EMPTY' }, 'has no serial number'],
    [{ clusters: 'EMPTY' }, 'names no cluster'],
    [{ clusters: 'WRONG' }, 'does not name a cluster'],
    [{ serials: 'NONE' }, 'cannot be read (ENOENT)'],
  ])('%o are refused', async (options, message) => {
    const inFolder = (name: string): string => join(folder, name.toLowerCase());
    const { serials, clusters } = options;
    const given = {
      ...options,
      ...(serials !== undefined && { serials: inFolder(serials) }),
      ...(clusters !== undefined && { clusters: inFolder(clusters) }),
    };
    await expect(certificateSelectionOf(given, NOW)).rejects.toThrow(message);
  });
});
