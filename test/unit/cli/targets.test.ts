import { Readable } from 'node:stream';
import { describe, expect, it, test } from 'vitest';
import { UsageError } from '../../../src/cli/arguments.ts';
import { confirm } from '../../../src/cli/confirm.ts';
import { previewOf } from '../../../src/cli/renew-selection.ts';
import { selectionOf, selectorFailure } from '../../../src/cli/selection.ts';
import { forEachTarget, formatResults, parseTarget, readTargets, throwIfFailed } from '../../../src/cli/targets.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi, KubernetesObject, ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { setPaused } from '../../../src/kubernetes/objects/pause.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';

function object(name: string, owner?: string): KubernetesObject {
  const ownerReferences = [
    { apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: owner, uid: 'u', controller: true },
  ];
  return { metadata: { namespace: 'ns', name, ...(owner === undefined ? {} : { ownerReferences }) } };
}

/** @param objects by plural; a kind that is missing is not installed. */
function apiWith(objects: Readonly<Record<string, readonly KubernetesObject[]>>): KubernetesApi {
  const of = ({ plural }: ResourceType): readonly KubernetesObject[] => {
    const found = objects[plural];
    if (found === undefined) throw new CertmanError({ code: 'kubernetes/notFound', message: `no ${plural}` });
    return found;
  };
  return {
    list: (resource: ResourceType) => Readable.from(of(resource)),
    get: (resource: ResourceType, { name }: { readonly name: string }) =>
      Promise.resolve(resource).then((kind) => of(kind).find(({ metadata }) => metadata.name === name)),
  } as unknown as KubernetesApi;
}

describe('what a command acts on', () => {
  it.each([
    [{}, /no cluster is named/],
    [{ namespace: 'ns' }, /no cluster is named/],
    [{ selector: 'a=b' }, /-n <namespace>, or -A/],
    [{ all: true }, /-n <namespace>, or -A/],
    [{ selector: '', allNamespaces: true }, /-l is empty/],
    [{ selector: ' ', namespace: 'ns' }, /-l is empty/],
  ] as const)('is refused unless it says which clusters and where: %j', (options, message) => {
    expect(() => selectionOf(options)).toThrow(UsageError);
    expect(() => selectionOf(options)).toThrow(message);
  });

  it('is a name, or what is selected', async () => {
    expect(await parseTarget('ns/demo', {})).toEqual({ name: { namespace: 'ns', name: 'demo' } });
    expect(await parseTarget(undefined, { all: true, allNamespaces: true })).toEqual({ selection: {} });
    expect(selectionOf({ selector: 'a=b', namespace: 'ns' })).toEqual({ selector: 'a=b', namespace: 'ns' });
    await expect(parseTarget('ns/demo', { all: true })).rejects.toThrow(/exclude each other/);
  });

  it('are ClusterDeployments and standalone requests, not the requests of clusters', async () => {
    const kubernetes = apiWith({
      clusterdeployments: [object('c1')],
      certificaterequests: [object('c1-primary', 'c1'), object('alone')],
    });
    const { objects, described } = await readTargets(kubernetes, { selection: { selector: 'a=b' } });
    expect(objects.map(({ resource, name }) => [resource.kind, name])).toEqual([
      ['ClusterDeployment', 'c1'],
      ['CertificateRequest', 'alone'],
    ]);
    expect(described).toBe('2 clusters with labels a=b');
    await expect(readTargets(kubernetes, { name: { namespace: 'ns', name: 'c1-primary' } })).rejects.toThrow(
      /is a certificate of the cluster c1; name that one/,
    );
  });

  it('are found without Hive, and nothing is an error', async () => {
    const kubernetes = apiWith({ certificaterequests: [object('alone')] });
    expect((await readTargets(kubernetes, { selection: {} })).objects).toHaveLength(1);
    expect((await readTargets(kubernetes, { name: { namespace: 'ns', name: 'alone' } })).objects).toHaveLength(1);
    await expect(readTargets(apiWith({ certificaterequests: [] }), { selection: {} })).rejects.toThrow(/There is no/);
    await expect(readTargets(kubernetes, { name: { namespace: 'ns', name: 'x' } })).rejects.toThrow(
      /certman explain ns\/x|no ClusterDeployment/,
    );
  });
});

test('one that fails holds up no other, is shown last, and fails the command', async () => {
  const objects = ['a', 'bad', 'c'].map((name) => ({
    resource: CLUSTER_DEPLOYMENTS,
    namespace: 'ns',
    name,
    object: object(name),
  }));
  const results = await forEachTarget({ objects }, ({ name }) =>
    name === 'bad' ? Promise.reject(new Error('It is broken.')) : Promise.resolve('paused'),
  );
  expect(formatResults(results)).toBe('ns/a: paused\nns/c: paused\nns/bad: It is broken.');
  expect(() => throwIfFailed(results)).toThrow('1 of 3 failed');
  expect(() => throwIfFailed(results.slice(0, 1))).not.toThrow();
});

test('without a terminal, a selection needs --yes', async () => {
  await expect(confirm('This would pause 3 clusters.', {})).rejects.toMatchObject({
    info: { code: 'configuration/invalid', message: 'This would pause 3 clusters. Nothing was done.' },
  });
  await expect(confirm('This would pause 3 clusters.', { yes: true })).resolves.toBeUndefined();
});

test.each([
  [undefined, 'would be refused: it is not served'],
  [{ state: 'Paused' }, 'would be refused: Paused'],
  [{ state: 'Renewing' }, 'is being ordered already: its certificate would be awaited'],
  [{ state: 'Failing', reason: 'DnsCaaForbids' }, 'would be renewed (Failing, DnsCaaForbids; no certificate yet)'],
  [{ state: 'Ready', notAfter: '2000-01-01T00:00:00Z' }, /^would be renewed \(expires \d+ d ago\)$/],
])('a preview of a renewal of %j', (row, text) => {
  const shown = previewOf(row && { cluster: 'ns/c1', ...row });
  if (typeof text === 'string') expect(shown).toBe(text);
  else expect(shown).toMatch(text);
});

test('labels that the API server refuses are wrong use; any other failure of a list stays', () => {
  const refused = new CertmanError({ code: 'kubernetes/invalid', message: "found '=', expected: ','" });
  expect(selectorFailure(refused, 'a==b=c')).toBeInstanceOf(UsageError);
  expect(selectorFailure(refused, 'a==b=c')).toMatchObject({
    message: `-l is "a==b=c"; expected labels such as team=payments,tier!=test. found '=', expected: ','`,
  });
  expect(selectorFailure(refused, undefined)).toBe(refused);
  const other = new CertmanError({ code: 'kubernetes/unreachable', message: 'no answer' });
  expect(selectorFailure(other, 'a=b')).toBe(other);
});

describe('the annotation of a pause', () => {
  const POINTER = '/metadata/annotations/hive.openshift.io~1reconcile-pause';
  async function change(annotations: Readonly<Record<string, string>> | undefined, paused: boolean) {
    const patches: unknown[] = [];
    const kubernetes = {
      get: () => Promise.resolve({ metadata: { name: 'alone', resourceVersion: '7', annotations } }),
      patch: (_resource: ResourceType, _key: object, operations: readonly unknown[]) => {
        patches.push(...operations);
        return Promise.resolve({ metadata: { name: 'alone' } });
      },
    } as unknown as KubernetesApi;
    const changed = await setPaused(kubernetes, CERTIFICATE_REQUESTS, { namespace: 'ns', name: 'alone' }, paused);
    return { changed, patches };
  }
  const TEST = { op: 'test', path: '/metadata/resourceVersion', value: '7' };

  it('is set and removed where it is not so already, and other annotations stay', async () => {
    expect(await change(undefined, true)).toEqual({
      changed: true,
      patches: [
        TEST,
        { op: 'add', path: '/metadata/annotations', value: {} },
        { op: 'add', path: POINTER, value: 'true' },
      ],
    });
    expect(await change({ a: 'b' }, true)).toMatchObject({ patches: [TEST, { op: 'add', path: POINTER }] });
    const set = { 'hive.openshift.io/reconcile-pause': 'true' };
    expect(await change(set, true)).toEqual({ changed: false, patches: [] });
    expect(await change(set, false)).toEqual({ changed: true, patches: [TEST, { op: 'remove', path: POINTER }] });
    expect(await change({ a: 'b' }, false)).toEqual({ changed: false, patches: [] });
  });
});
