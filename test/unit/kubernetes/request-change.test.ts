import { describe, expect, test } from 'vitest';
import type { KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { describeRequestChange } from '../../../src/kubernetes/objects/request-change.ts';

const SPEC = {
  acmeDNSDomain: 'example.com',
  certificateSecret: { name: 'primary-cert' },
  dnsNames: ['api.c1.example.com'],
  email: 'sre@example.com',
  platform: { aws: { region: 'us-east-1', credentials: { name: 'aws' } } },
};

function written(manager: string, time: string, field = 'spec', subresource?: string) {
  return { manager, time, fieldsV1: { [`f:${field}`]: {} }, subresource };
}

const OWN_STATUS = {
  ...written('certman', '2026-01-01T00:00:00Z', 'status', 'status'),
  fieldsV1: { 'f:status': { 'f:issued': {} } },
};

/** With the generation that the API server gives it: another one for another spec. */
function request(change: { spec?: unknown; status?: unknown; metadata?: object } = {}): KubernetesObject {
  return {
    metadata: {
      name: 'c1-primary',
      namespace: 'ns',
      uid: 'r1',
      generation: change.spec === undefined ? 1 : 2,
      ownerReferences: [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1', uid: 'u1' }],
      managedFields: [written('certman', '2026-01-01T00:00:00Z')],
      ...change.metadata,
    },
    spec: change.spec ?? SPEC,
    status: change.status,
  };
}

function changed(before: Parameters<typeof request>[0], after: Parameters<typeof request>[0]): string | undefined {
  return describeRequestChange(observeRequest(request(before)), observeRequest(request(after)));
}

describe('a change of a CertificateRequest', () => {
  const renew = { ...SPEC, renewBeforeDays: 30 };

  test('of the status by certman has no consequence', () => {
    expect(changed({}, { status: { issued: true }, metadata: { managedFields: [OWN_STATUS] } })).toBeUndefined();
  });

  test('of the status by another manager is described once', () => {
    const own = { status: { issued: true }, metadata: { managedFields: [OWN_STATUS] } };
    const edited = { ...own, status: { issued: true, notAfter: '2030-01-01T00:00:00Z' } };
    expect(changed(own, edited)).toContain(
      'status of the CertificateRequest c1-primary was changed by another field manager',
    );
    expect(changed(edited, edited)).toBeUndefined();
  });

  test('that removes the status is described', () => {
    const status = { issued: false, state: 'Failing', conditions: [{ type: 'Ready', status: 'False' }] };
    const fields = { 'f:issued': {}, 'f:state': {}, 'f:conditions': {} };
    const managedFields = [{ ...OWN_STATUS, fieldsV1: { 'f:status': fields } }];
    expect(changed({ status, metadata: { managedFields } }, {})).toContain('status');
  });

  test('that removes its owner is described', () => {
    expect(changed({}, { metadata: { ownerReferences: [] } })).toContain('owner reference');
  });

  test('of the spec by certman has no consequence', () => {
    const metadata = { managedFields: [written('certman', '2026-01-01T00:00:09Z')] };
    expect(changed({}, { spec: renew, metadata })).toBeUndefined();
  });

  test('of the spec by another manager is described', () => {
    const metadata = {
      managedFields: [written('certman', '2026-01-01T00:00:00Z'), written('kubectl-edit', '2026-01-01T00:00:09Z')],
    };
    expect(changed({}, { spec: renew, metadata })).toContain('changed by another field manager');
  });

  test('by another manager in the same second as certman’s is described, to be safe', () => {
    const metadata = {
      managedFields: [written('certman', '2026-01-01T00:00:09Z'), written('kubectl-edit', '2026-01-01T00:00:09Z')],
    };
    expect(changed({}, { spec: renew, metadata })).toContain('changed by another field manager');
  });

  test('by certman after another manager’s has no consequence', () => {
    const foreign = written('kubectl-edit', '2026-01-01T00:00:05Z');
    const before = { spec: renew, metadata: { managedFields: [written('certman', '2026-01-01T00:00:00Z'), foreign] } };
    const after = { metadata: { managedFields: [written('certman', '2026-01-01T00:00:09Z'), foreign] } };
    expect(changed(before, after)).toBeUndefined();
  });

  test('that removes a field and names no manager is described', () => {
    expect(changed({ spec: renew }, {})).toContain('changed by another field manager');
  });

  test('to being deleted is described once', () => {
    const deleting = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } };
    expect(changed({}, deleting)).toContain('being deleted');
    expect(changed(deleting, deleting)).toBeUndefined();
  });
});
