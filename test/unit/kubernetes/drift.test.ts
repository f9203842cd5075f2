import { describe, expect, test } from 'vitest';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { driftOf, type OwnedObjects } from '../../../src/kubernetes/objects/drift.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { observeSecret } from '../../../src/kubernetes/objects/observed-secret.ts';
import { FINALIZER } from '../../../src/kubernetes/objects/resources.ts';
import { ADOPT_ANNOTATION, controllerReferenceTo } from '../../../src/kubernetes/objects/secret-ownership.ts';

const CLUSTER = { name: 'c1', uid: 'u1', finalizer: true };
const NOW = Date.parse('2026-02-01T00:00:00Z');
const EARLIER = '2026-01-01T00:00:00Z';
const LATER = '2026-01-20T00:00:00Z';
const SPEC_FIELDS = {
  'f:acmeDNSDomain': {},
  'f:certificateSecret': {},
  'f:dnsNames': {},
  'f:email': {},
  'f:platform': { 'f:aws': { 'f:credentials': {}, 'f:region': {} } },
};
const STATUS = {
  issued: true,
  state: 'Ready',
  notBefore: '2026-01-01T00:00:00Z',
  notAfter: '2026-04-01T00:00:00Z',
  serialNumber: '7',
  acmeServer: 'ca.example',
  renewalTime: '2026-02-15T00:00:00Z',
  conditions: [{ type: 'Ready', status: 'True' }],
};
const STATUS_FIELDS = Object.fromEntries(Object.keys(STATUS).map((field) => [`f:${field}`, {}]));

function entry(manager: string, time: string, fieldsV1: object, subresource?: string) {
  return { manager, time, fieldsV1, subresource };
}

function without(fields: Record<string, unknown>, name: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([field]) => field !== name));
}

interface Change {
  readonly metadata?: object;
  readonly specFields?: object;
  readonly status?: object;
  readonly statusFields?: object;
  readonly foreign?: readonly object[];
}

function request(change: Change = {}): KubernetesObject {
  return {
    metadata: {
      name: 'c1-primary',
      namespace: 'ns',
      uid: 'r1',
      finalizers: [FINALIZER],
      ownerReferences: [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1', uid: 'u1' }],
      managedFields: [
        entry('certman', EARLIER, { 'f:spec': change.specFields ?? SPEC_FIELDS }),
        entry('certman', EARLIER, { 'f:status': change.statusFields ?? STATUS_FIELDS }, 'status'),
        ...(change.foreign ?? []),
      ] as Record<string, unknown>[],
      ...change.metadata,
    },
    spec: {
      acmeDNSDomain: 'example.com',
      certificateSecret: { name: 'primary-cert' },
      dnsNames: ['api.c1.example.com'],
      email: 'sre@example.com',
      platform: { aws: { region: 'us-east-1', credentials: { name: 'aws' } } },
      renewBeforeDays: 30,
      webConsoleURL: 'https://console.example.com',
    },
    status: change.status ?? STATUS,
  };
}

interface SecretChange {
  readonly labels?: object;
  readonly annotations?: object;
  readonly owners?: readonly object[];
  readonly fields?: readonly object[];
}

function secret(change: SecretChange = {}) {
  const data = { 'f:data': { 'f:tls.crt': {}, 'f:tls.key': {} } };
  return observeSecret({
    metadata: {
      name: 'primary-cert',
      namespace: 'ns',
      labels: change.labels ?? { certificate_request: 'c1-primary' },
      annotations: change.annotations,
      ownerReferences: change.owners ?? [controllerReferenceTo({ name: 'c1-primary', uid: 'r1' })],
      managedFields: change.fields ?? [entry('certman', EARLIER, data)],
    } as KubernetesObject['metadata'],
  });
}

function drift(change: Partial<OwnedObjects> = {}): string | undefined {
  return driftOf({
    certificate: { requestName: 'c1-primary', secretName: 'primary-cert' },
    cluster: CLUSTER,
    request: observeRequest(request()),
    secret: secret(),
    caHost: 'ca.example',
    now: NOW,
    ...change,
  })?.message;
}

const ofRequest = (change: Change): string | undefined => drift({ request: observeRequest(request(change)) });

describe('drift of a certificate', () => {
  test('is none when certman wrote last, whatever fields others own', () => {
    expect(drift()).toBeUndefined();
    expect(drift({ secret: secret({ labels: { certificate_request: 'c1-primary', theirs: 'x' } }) })).toBeUndefined();
  });

  test('is a missing request', () => {
    expect(driftOf({ certificate: { requestName: 'c1-primary', secretName: 's' }, now: NOW })?.message).toBe(
      'The CertificateRequest c1-primary is missing.',
    );
  });

  test.each<[string, Change, string]>([
    ['is being deleted', { metadata: { deletionTimestamp: LATER } }, 'is being deleted'],
    ['lost its finalizer', { metadata: { finalizers: ['example.com/other'] } }, 'lacks its finalizer'],
    ['lost its owner', { metadata: { ownerReferences: [] } }, 'lacks its owner reference'],
    [
      'is owned by another',
      {
        metadata: {
          ownerReferences: [{ apiVersion: 'hive.openshift.io/v1', kind: 'ClusterDeployment', name: 'c1', uid: 'u0' }],
        },
      },
      'lacks its owner reference',
    ],
    [
      'has other names',
      { specFields: without(SPEC_FIELDS, 'f:dnsNames') },
      'changed by another field manager: dnsNames',
    ],
    [
      'has another region',
      { specFields: { ...SPEC_FIELDS, 'f:platform': { 'f:aws': { 'f:credentials': {} } } } },
      'changed by another field manager: platform.aws.region',
    ],
    [
      'has a state that another manager wrote',
      { statusFields: without(STATUS_FIELDS, 'f:state') },
      'The status of the CertificateRequest c1-primary was changed',
    ],
    [
      'has a status without dates',
      { status: without(STATUS, 'notAfter') },
      'The status of the CertificateRequest c1-primary was changed',
    ],
    ['has no status', { status: {}, statusFields: {} }, 'The status of the CertificateRequest c1-primary was changed'],
    [
      'is of another CA than orders go to now',
      { status: { ...STATUS, acmeServer: 'staging.example' } },
      'is from staging.example; orders go to ca.example now',
    ],
    [
      'is past its renewal for long',
      { status: { ...STATUS, renewalTime: '2026-01-31T22:59:59Z' } },
      'was due at 2026-01-31T22:59:59Z',
    ],
  ])('is a request that %s', (_what, change, said) => {
    expect(ofRequest(change)).toContain(said);
  });

  test('is not a certificate of a fallback CA, which is kept until its renewal', () => {
    const ofFallback = observeRequest(request({ status: { ...STATUS, acmeServer: 'fallback.example' } }));
    expect(drift({ request: ofFallback })).toContain('is from fallback.example');
    expect(drift({ request: ofFallback, fallbackCaHosts: ['fallback.example'] })).toBeUndefined();
  });

  test('is a ClusterDeployment without the finalizer', () => {
    expect(drift({ cluster: { ...CLUSTER, finalizer: false } })).toBe('The ClusterDeployment c1 lacks its finalizer.');
  });

  test('is none before the next attempt, however long ago the renewal was due', () => {
    const status = { ...STATUS, renewalTime: EARLIER, nextAttempt: '2026-02-01T01:00:00Z' };
    const statusFields = { ...STATUS_FIELDS, 'f:nextAttempt': {} };
    expect(ofRequest({ status, statusFields })).toBeUndefined();
    expect(ofRequest({ status: { ...status, nextAttempt: '2026-01-31T22:00:00Z' }, statusFields })).toContain(
      '22:00:00Z',
    );
  });

  test('is none in spec or owner of a standalone request', () => {
    const standalone = observeRequest(request({ specFields: {}, metadata: { ownerReferences: [] } }));
    const certificate = { requestName: 'c1-primary', secretName: 'primary-cert' };
    expect(driftOf({ certificate, request: standalone, secret: secret(), now: NOW })).toBeUndefined();
  });

  test('is a missing Secret', () => {
    expect(
      driftOf({
        certificate: { requestName: 'c1-primary', secretName: 'primary-cert' },
        cluster: CLUSTER,
        request: observeRequest(request()),
        now: NOW,
      })?.message,
    ).toBe('The certificate Secret primary-cert is missing.');
  });

  test('is a Secret without label or owner reference', () => {
    expect(drift({ secret: secret({ labels: {}, owners: [] }) })).toBe(
      'The certificate Secret primary-cert lacks its label certificate_request and its owner reference.',
    );
    expect(drift({ secret: secret({ owners: [controllerReferenceTo({ name: 'c1-primary', uid: 'r0' })] }) })).toContain(
      'lacks',
    );
  });

  test('is a Secret that was given to the request, also while an attempt is scheduled', () => {
    const status = { ...STATUS, nextAttempt: '2026-02-01T01:00:00Z' };
    const waiting = observeRequest(request({ status, statusFields: { ...STATUS_FIELDS, 'f:nextAttempt': {} } }));
    const given = (annotation: string) =>
      secret({ annotations: { [ADOPT_ANNOTATION]: annotation }, labels: {}, owners: [] });
    expect(drift({ request: waiting, secret: given('c1-primary') })).toBe(
      'The Secret primary-cert was given to the CertificateRequest c1-primary.',
    );
    expect(drift({ request: waiting, secret: given('c2-primary') })).toBeUndefined();
    expect(drift({ request: waiting, secret: secret({ annotations: { [ADOPT_ANNOTATION]: 'c1-primary' } }) })).toBe(
      undefined,
    );
  });

  test('is only what protects the objects while an attempt is scheduled', () => {
    const status = { ...STATUS, nextAttempt: '2026-02-01T01:00:00Z' };
    const statusFields = { ...STATUS_FIELDS, 'f:nextAttempt': {} };
    const unowned = secret({
      labels: {},
      owners: [],
      fields: [entry('kubectl-create', LATER, { 'f:data': { 'f:password': {} } })],
    });
    const waiting = observeRequest(request({ status, statusFields }));
    expect(drift({ secret: unowned })).toContain('was changed by another field manager');
    expect(drift({ request: waiting, secret: unowned })).toBeUndefined();
    expect(drift({ request: waiting, caHost: 'other.example' })).toBeUndefined();
    const overdue = { ...status, nextAttempt: '2026-01-31T23:59:59Z' };
    expect(drift({ request: observeRequest(request({ status: overdue, statusFields })), secret: unowned })).toContain(
      'was changed',
    );
    const unprotected = { status, statusFields, metadata: { finalizers: [] } };
    expect(drift({ request: observeRequest(request(unprotected)) })).toContain('lacks its finalizer');
  });

  test('is a key that another manager wrote after the last status', () => {
    const mine = entry('certman', EARLIER, { 'f:data': { 'f:tls.crt': {} } });
    const theirs = (time: string) => entry('kubectl-edit', time, { 'f:data': { 'f:tls.key': {} } });
    expect(drift({ secret: secret({ fields: [mine, theirs(LATER)] }) })).toContain(
      'was changed by another field manager',
    );
  });

  test('is none in a Secret that certman-operator wrote before its adoption', () => {
    const fields = [
      entry('certman-operator', '2025-12-01T00:00:00Z', { 'f:data': { 'f:tls.crt': {}, 'f:tls.key': {} } }),
    ];
    expect(drift({ secret: secret({ fields }) })).toBeUndefined();
  });
});

test('the same drift has the same key', () => {
  const markOf = (time: string) => {
    const theirs = entry('kubectl-edit', time, { 'f:data': { 'f:tls.key': {} } });
    const ownedObjects = { certificate: { requestName: 'c1-primary', secretName: 's' }, cluster: CLUSTER, now: NOW };
    return driftOf({ ...ownedObjects, request: observeRequest(request()), secret: secret({ fields: [theirs] }) })?.key;
  };
  expect(markOf(LATER)).toBe(markOf(LATER));
  expect(markOf(LATER)).not.toBe(markOf('2026-01-21T00:00:00Z'));
});
