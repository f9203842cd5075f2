import { beforeEach, describe, expect, it } from 'vitest';
import { type CachedCluster, toCachedCluster } from '../../../src/clusters/cached-cluster.ts';
import { ControllerCache } from '../../../src/controller/controller-cache.ts';
import { secretHandler } from '../../../src/controller/dependency-handlers.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { observeSecret } from '../../../src/kubernetes/objects/observed-secret.ts';
import {
  ADOPT_ANNOTATION,
  controllerReferenceTo,
  REQUEST_LABEL,
} from '../../../src/kubernetes/objects/secret-ownership.ts';
import { clusterView } from '../../support/workflows/cluster-views.ts';

const cluster = toCachedCluster(undefined, clusterView());
const { namespace } = cluster;
const name = cluster.certificates[0]?.secretName ?? '';
const EDITED = { manager: 'kubectl-edit', time: '2026-11-01T00:00:00Z', fieldsV1: { 'f:data': { 'f:tls.crt': {} } } };

let cache: ControllerCache;
let signals: string[];
let handler: ReturnType<typeof secretHandler>;
beforeEach(() => {
  cache = new ControllerCache();
  cache.setCluster(cluster);
  signals = [];
  const record = async (_: readonly CachedCluster[], what: string) => void signals.push(what);
  const context = { cache, settings: {}, signaller: { drifted: record, dependencyChanged: record } };
  handler = secretHandler(context as never, { signalWaitingFor: () => Promise.resolve() } as never);
});

function secret(resourceVersion: string, managedFields: readonly object[] = [], of = name) {
  return { metadata: { namespace, name: of, resourceVersion, managedFields: managedFields as [] } };
}

describe('a Secret of a certificate', () => {
  it('is no change while its resourceVersion is the same', async () => {
    await handler.onUpsert(secret('1', [EDITED]), 'list');
    await handler.onUpsert(secret('1', [EDITED]), 'list');
    expect(signals).toEqual([]);
  });

  it('that another manager changes is signalled, with what the watch showed before', async () => {
    await handler.onUpsert(secret('1'), 'list');
    await handler.onUpsert(secret('2', [EDITED]), 'watch');
    await handler.onUpsert(secret('3', [EDITED]), 'watch');
    expect(signals).toEqual([expect.stringContaining('changed by another field manager')]);
  });

  it('whose change a resync has listed before the watch shows it is signalled', async () => {
    await handler.onUpsert(secret('1'), 'list');
    cache.secrets.set(observeSecret(secret('2', [EDITED])));
    await handler.onUpsert(secret('2', [EDITED]), 'watch');
    expect(signals).toEqual([expect.stringContaining('changed by another field manager')]);
  });

  it('is cached once, and no more once it is deleted', async () => {
    await handler.onUpsert(secret('1'), 'list');
    expect(cache.secrets.get({ namespace, name })).toMatchObject({ resourceVersion: '1' });
    await handler.onDelete(secret('1'));
    expect(cache.secrets.get({ namespace, name })).toBeUndefined();
    expect(signals).toEqual([expect.stringContaining('was deleted')]);
  });
});

describe('a list without a position', () => {
  it('shows what another manager has changed since a resync listed it', async () => {
    cache.secrets.set(observeSecret(secret('1')));
    await handler.onUpsert(secret('2', [EDITED]), 'list');
    expect(signals).toEqual([expect.stringContaining('changed by another field manager')]);
  });

  describe('shows that a Secret was given to its request while it was not watched', () => {
    const request = { name: cluster.certificates[0]?.requestName ?? '', uid: 'request-uid' };
    const given = (resourceVersion: string, metadata: object = {}) => ({
      metadata: { ...secret(resourceVersion).metadata, annotations: { [ADOPT_ANNOTATION]: request.name }, ...metadata },
    });
    beforeEach(() => cache.requests.set(observeRequest({ metadata: { namespace, ...request } })));

    it.each([
      ['it was not cached', () => Promise.resolve()],
      ['the watch had shown it before', async () => await handler.onUpsert(secret('1'), 'watch')],
      ['a resync has listed it since', async () => cache.secrets.set(observeSecret(given('2')))],
    ])('where %s, once', async (_what, before) => {
      await before();
      signals.length = 0;
      await handler.onUpsert(given('2'), 'list');
      await handler.onUpsert(given('2'), 'list');
      expect(signals).toEqual([`The Secret ${name} was given to the CertificateRequest ${request.name}.`]);
    });

    it('but not where the request has it already', async () => {
      const owned = { labels: { [REQUEST_LABEL]: request.name }, ownerReferences: [controllerReferenceTo(request)] };
      await handler.onUpsert(given('2', owned), 'list');
      expect(signals).toEqual([]);
    });
  });

  it('shows that a Secret was deleted while it was not watched', async () => {
    await handler.onUpsert(secret('1'), 'list');
    await handler.onSynced?.(new Set([`${namespace}/other`]));
    expect(cache.secrets.get({ namespace, name })).toBeUndefined();
    expect(signals).toEqual([expect.stringContaining('was deleted')]);
  });

  it('is no change of a Secret that it has', async () => {
    await handler.onUpsert(secret('1'), 'list');
    await handler.onSynced?.(new Set([`${namespace}/${name}`]));
    expect(cache.secrets.get({ namespace, name })).toMatchObject({ resourceVersion: '1' });
    expect(signals).toEqual([]);
  });
});

describe('a credentials Secret', () => {
  it('is signalled when its resourceVersion changes, and not cached', async () => {
    const of = cluster.credentialsSecret ?? '';
    expect(of).not.toBe('');
    for (const version of ['1', '1', '2']) await handler.onUpsert(secret(version, [], of), 'list');
    expect(signals).toEqual([expect.stringContaining('credentials Secret')]);
    expect(cache.secrets.get({ namespace, name: of })).toBeUndefined();
  });
});
