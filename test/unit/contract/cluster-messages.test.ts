import { describe, expect, test } from 'vitest';
import { parseAcmeUrl } from '../../../src/acme/url.ts';
import {
  isClusterView,
  isHandedOver,
  isMovedWindow,
  isOrderMove,
  isRenewRequest,
  isRequestClaim,
} from '../../../src/contract/cluster-messages.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { clusterViewOfOrphans } from '../../../src/kubernetes/objects/request-views.ts';
import { bundleView, clusterView } from '../../support/workflows/cluster-views.ts';

const INSTANT = '2026-12-01T00:00:00.000Z';

describe('the view of a cluster', () => {
  const view = clusterView({ bundles: [bundleView('primary')] });
  const invalid = { kind: 'invalid', code: 'names/none', message: '' };

  test.each([
    ['as it is', {}],
    ['of another platform', { platform: { kind: 'gcp', credentialsSecret: 'g' } }],
    ['of Azure', { platform: { kind: 'azure', credentialsSecret: 'a', resourceGroupName: '' } }],
    ['of no known platform', { platform: { kind: 'unsupported', found: 'none' } }],
    ['without names', { bundles: [{ ...bundleView('primary'), names: invalid }] }],
    ['with a text of a megabyte, which its user may write', { apiURL: 'x'.repeat(1_000_000) }],
  ])('is one %s', (_what, change) => {
    expect(isClusterView({ ...view, ...change })).toBe(true);
  });

  test.each(Object.keys(view).filter((field) => field !== 'resourceVersion'))(
    'is none where %s is of another type',
    (field) => {
      expect(isClusterView({ ...view, [field]: 7 })).toBe(false);
      expect(isClusterView({ ...view, [field]: null })).toBe(false);
    },
  );

  test.each([
    { identity: { ...view.identity, uid: '' } },
    { identity: { ...view.identity, kind: 'Pod' } },
    { relocation: 'elsewhere' },
    { platform: { kind: 'aws' } },
    { bundles: [null] },
    { bundles: [{ ...bundleView('primary'), names: { kind: 'valid', dnsNames: [7] } }] },
    { bundles: [{ ...bundleView('primary'), names: { ...invalid, code: 'names/other' } }] },
  ])('is none with %j', (change) => {
    expect(isClusterView({ ...view, ...change })).toBe(false);
  });

  test.each([
    ['name', 300],
    ['secretName', 253],
    ['requestName', 253],
  ])('has bundles whose %s has %i characters at most', (field, max) => {
    const withText = (length: number) =>
      isClusterView({ ...view, bundles: [{ ...bundleView('primary'), [field]: 'x'.repeat(length) }] });
    expect([withText(max), withText(max + 1)]).toEqual([true, false]);
  });

  test('of an orphaned request with the longest name is one', () => {
    const owner = {
      apiVersion: 'hive.openshift.io/v1',
      kind: 'ClusterDeployment',
      name: 'c1',
      uid: 'u',
      controller: true,
    };
    const metadata = { namespace: 'ns', name: 'x'.repeat(253), uid: 'r', ownerReferences: [owner] };
    const orphan = observeRequest({ metadata, spec: { certificateSecret: { name: 'y'.repeat(253) } } });
    expect(isClusterView(clusterViewOfOrphans('hive', [orphan]))).toBe(true);
  });
});

describe('certificates that are handed over', () => {
  const issued = { serialNumber: '7', notAfter: INSTANT, certificateUrl: 'https://ca/7', seal: 's' };
  const handedOver = { requestName: 'web', issued: [issued], unclaimedOrders: ['https://ca/order/1'] };
  const revocation = { serialNumber: '7', reason: 1, replaceFirst: true, delayMs: 0, requestedAt: INSTANT };
  const renewalRequest = { requestedAt: INSTANT, until: INSTANT };

  test('have their requests with them', () => {
    expect(isHandedOver(handedOver)).toBe(true);
    expect(isHandedOver({ ...handedOver, requests: { renewalRequest, revocations: [revocation] } })).toBe(true);
  });

  test('have URLs as long as those that are taken from the CA', () => {
    const url = 'https://ca/'.padEnd(2_048, 'x');
    expect(parseAcmeUrl(url)).toBe(url);
    expect(isHandedOver({ ...handedOver, unclaimedOrders: [url] })).toBe(true);
    const window = { certId: 'a.b', start: INSTANT, end: INSTANT, explanationUrl: url };
    expect(isMovedWindow({ bundleName: 'primary', window })).toBe(true);
    // Each is escaped as nine characters.
    expect(parseAcmeUrl(`https://ca/${'\u20ac'.repeat(1_000)}`)).toBeUndefined();
  });

  test.each([
    { issued: [{ ...issued, notAfter: 'soon' }] },
    { issued: [{ ...issued, leaf: 'x'.repeat(60_000) }] },
    { issued: Array.from({ length: 1_001 }, () => issued) },
    { unclaimedOrders: [7] },
    { requests: {} },
    { requests: { revocations: [{ ...revocation, reason: 99 }] } },
    { requests: { revocations: [{ ...revocation, result: {} }] } },
    { requests: { revocations: Array.from({ length: 6 }, () => revocation) } },
    { requests: { revocations: [], renewalRequest: { ...renewalRequest, until: 'later' } } },
    { requests: { revocations: [], renewalRequest: { ...renewalRequest, expired: 'x' } } },
  ])('are none of case %#', (change) => {
    expect(isHandedOver({ ...handedOver, ...change })).toBe(false);
  });
});

test('other messages have their fields, of bounded length', () => {
  const window = { certId: 'a.b', start: INSTANT, end: INSTANT };
  expect(isMovedWindow({ bundleName: 'primary', window })).toBe(true);
  expect(isMovedWindow({ bundleName: 'primary', window: { ...window, start: 'x' } })).toBe(false);
  expect(isOrderMove({ bundleName: 'primary', at: INSTANT, message: 'm', remedy: '' })).toBe(true);
  expect(isOrderMove({ bundleName: 'primary', at: INSTANT, message: 'm'.repeat(3_000), remedy: '' })).toBe(false);
  expect(isRequestClaim({ clusterDeployment: 'c1' })).toBe(true);
  expect(isRequestClaim({ clusterDeployment: 'c1', uid: '' })).toBe(false);
  expect([undefined, {}, { bundleName: 'one', exceedLimit: true }].every(isRenewRequest)).toBe(true);
  expect([null, [], 'one', { bundleName: 7 }].some(isRenewRequest)).toBe(false);
});
