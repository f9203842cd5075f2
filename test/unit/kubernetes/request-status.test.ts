import { describe, expect, test } from 'vitest';
import type { ServedCondition } from '../../../src/certificates/served.ts';
import type { StatusReport } from '../../../src/certificates/status-report.ts';
import { observeRequest } from '../../../src/kubernetes/objects/observed-request.ts';
import { buildRequestStatus } from '../../../src/kubernetes/objects/request-status.ts';
import { isSameServed } from '../../../src/kubernetes/objects/served-condition.ts';
import { parseTimestamp } from '../../../src/kubernetes/objects/timestamp.ts';

const NOW = new Date('2026-05-01T10:00:00.123Z');
const EARLIER = '2026-04-01T00:00:00Z';
const ready: StatusReport = {
  bundleName: 'primary',
  requestName: 'c1-primary',
  secretName: 'primary-cert',
  workflowId: 'cluster/hive/ns/c1/uid',
  state: 'Ready',
  conditions: [{ type: 'Ready', status: 'True', reason: 'Issued', message: 'valid' }],
  certificate: {
    serialNumber: '123',
    issuerName: 'R11',
    notBefore: '2026-04-01T00:00:00Z',
    notAfter: '2026-07-01T00:00:00Z',
    dnsNames: ['api.c1.example.com'],
    fingerprint: 'ab',
  },
  renewalTime: '2026-05-15T00:00:00Z',
};
const certificateOf = ({ certificate }: StatusReport) => {
  if (certificate === undefined) throw new Error('the report has no certificate');
  return certificate;
};
const conditionsOf = (status: Readonly<Record<string, unknown>>) =>
  status['conditions'] as readonly Record<string, string>[];

describe('times of a condition', () => {
  test('stay while its status stays, even when its message changes', () => {
    const current = {
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'Issued',
          message: 'old',
          lastTransitionTime: EARLIER,
          lastProbeTime: EARLIER,
        },
      ],
    };
    expect(conditionsOf(buildRequestStatus(ready, current, NOW))[0]).toEqual({
      type: 'Ready',
      status: 'True',
      reason: 'Issued',
      message: 'valid',
      lastTransitionTime: EARLIER,
      lastProbeTime: EARLIER,
    });
  });

  test('are reset when its status changes', () => {
    const current = {
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: EARLIER, lastProbeTime: EARLIER }],
    };
    expect(conditionsOf(buildRequestStatus(ready, current, NOW))[0]).toMatchObject({
      lastTransitionTime: '2026-05-01T10:00:00Z',
    });
  });

  test('an invalid status counts as absent', () => {
    expect(conditionsOf(buildRequestStatus(ready, { conditions: 'nonsense' }, NOW))).toHaveLength(1);
  });
});

test('every condition has the generation that was observed', () => {
  expect(conditionsOf(buildRequestStatus({ ...ready, observedGeneration: 3 }, {}, NOW))[0]).toMatchObject({
    observedGeneration: 3,
  });
  expect(conditionsOf(buildRequestStatus(ready, {}, NOW))[0]).not.toHaveProperty('observedGeneration');
});

test('conditions of certman-operator are removed', () => {
  const current = { conditions: [{ type: 'acme error', status: 'Error', reason: 'x', message: 'y' }] };
  expect(conditionsOf(buildRequestStatus(ready, current, NOW)).map((condition) => condition['type'])).toEqual([
    'Ready',
  ]);
});

test('fields that are no longer reported are removed', () => {
  const { renewalTime: _gone, ...failing } = { ...ready, state: 'Failing' as const, nextAttempt: EARLIER };
  expect(buildRequestStatus(failing, buildRequestStatus(ready, {}, NOW), NOW)).not.toHaveProperty('renewalTime');
});

describe('the certificate in the status', () => {
  const certId = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE';
  const window = { certId, start: '2026-05-02T00:00:00Z', end: '2026-05-03T00:00:00Z' };
  const known: StatusReport = {
    ...ready,
    certificate: { ...certificateOf(ready), certId, crlUrl: 'http://r99.c.lencr.org/7.crl' },
    caHost: 'acme-v02.api.letsencrypt.org',
  };

  test('has its CA and its ARI identifier', () => {
    expect(buildRequestStatus(known, {}, NOW)).toMatchObject({
      acmeServer: 'acme-v02.api.letsencrypt.org',
      certID: certId,
      crlURL: 'http://r99.c.lencr.org/7.crl',
    });
    expect(buildRequestStatus(known, {}, NOW)).not.toHaveProperty('suggestedWindow');
    expect(Object.keys(buildRequestStatus(ready, {}, NOW))).not.toEqual(
      expect.arrayContaining(['acmeServer', 'certID', 'crlURL']),
    );
  });

  test('has the window that the CA suggests, and why', () => {
    const explanationUrl = 'https://ca.example/incident/7';
    const { start, end } = window;
    expect(buildRequestStatus({ ...known, suggestedWindow: window }, {}, NOW)['suggestedWindow']).toEqual({
      start,
      end,
    });
    expect(
      buildRequestStatus({ ...known, suggestedWindow: { ...window, explanationUrl } }, {}, NOW)['suggestedWindow'],
    ).toEqual({
      start,
      end,
      explanationURL: explanationUrl,
    });
  });

  test('has no window of another certificate', () => {
    const suggestedWindow = { ...window, certId: 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AQ' };
    expect(buildRequestStatus({ ...known, suggestedWindow }, {}, NOW)).not.toHaveProperty('suggestedWindow');
    expect(buildRequestStatus({ ...ready, suggestedWindow }, {}, NOW)).not.toHaveProperty('suggestedWindow');
  });

  test('is observed as it was written', () => {
    const suggestedWindow = { ...window, explanationUrl: 'https://ca.example/incident/7' };
    const status = buildRequestStatus({ ...known, suggestedWindow }, {}, NOW);
    const observed = observeRequest({ metadata: { namespace: 'ns', name: 'c1-primary' }, status });
    expect(observed).toMatchObject({
      certId,
      crlUrl: 'http://r99.c.lencr.org/7.crl',
      suggestedWindow,
      acmeServer: 'acme-v02.api.letsencrypt.org',
      renewalAt: Date.parse(ready.renewalTime ?? ''),
    });
  });
});

describe('the condition Served', () => {
  const condition = { type: 'Served', status: 'True', reason: 'Served', message: 'x', lastTransitionTime: EARLIER };
  const servedIn = (report: StatusReport, current: object) =>
    conditionsOf(buildRequestStatus(report, current, NOW)).find(({ type }) => type === 'Served');

  test('stays with its certificate, untouched', () => {
    expect(servedIn(ready, { serialNumber: '123', conditions: [condition] })).toEqual(condition);
  });

  test('is unknown from the instant at which another certificate is reported', () => {
    expect(servedIn(ready, { serialNumber: '122', conditions: [condition] })).toMatchObject({
      status: 'Unknown',
      reason: 'NotProbed',
      lastTransitionTime: '2026-05-01T10:00:00Z',
    });
  });

  test('goes with the certificate, and is not there before the controller writes it', () => {
    const { certificate: _none, ...without } = ready;
    expect(servedIn(without, { serialNumber: '123', conditions: [condition] })).toBeUndefined();
    expect(servedIn(ready, { serialNumber: '123' })).toBeUndefined();
  });

  test('is observed, and recognised while it says the same', () => {
    const status = { conditions: [{ type: 'Ready' }, condition] };
    const { served } = observeRequest({ metadata: { namespace: 'ns', name: 'c1-primary' }, status });
    expect(served).toMatchObject({ status: 'True', reason: 'Served' });
    const says = { status: 'True', reason: 'Served', message: 'x' } as const;
    const others = [{ status: 'False' }, { reason: 'Other' }, { message: 'y' }].map((change) => ({
      ...says,
      ...change,
    }));
    expect([says, ...others].map((one) => isSameServed(served, one as ServedCondition))).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect(isSameServed(undefined, says)).toBe(false);
  });
});

test('when a certificate was installed, and what it replaced, are in the status and observed', () => {
  const installation = { time: '2026-05-01T09:00:00.000Z', replacedSerialNumber: '122' };
  const status = buildRequestStatus({ ...ready, installation }, {}, NOW);
  expect(status).toMatchObject({ installedTime: installation.time, replacedSerialNumber: '122' });
  expect(observeRequest({ metadata: { namespace: 'ns', name: 'c1-primary' }, status })).toMatchObject({
    installedAt: Date.parse(installation.time),
    replacedSerialNumber: '122',
  });
});

test('a workflow that has adopted a certificate leaves when it was installed, and another certificate does not keep it', () => {
  const current = buildRequestStatus({ ...ready, installation: { time: '2026-05-01T09:00:00.000Z' } }, {}, NOW);
  expect(buildRequestStatus(ready, current, NOW)).toEqual(current);
  expect(buildRequestStatus(ready, { ...current, serialNumber: '124' }, NOW)).not.toHaveProperty('installedTime');
  const malformed = { ...current, installedTime: 7 };
  expect(buildRequestStatus(ready, malformed, NOW)).not.toHaveProperty('installedTime');
});

test.each([
  ['Ready', true, 'Success'],
  ['Renewing', true, 'Success'],
  ['Failing', true, 'Error'],
  ['Waiting', false, 'Error'],
  ['Issuing', false, 'Issuing'],
  ['Paused', true, 'Paused'],
] as const)('state %s (certificate: %s) has the word %s', (state, withCertificate, word) => {
  const { certificate, ...rest } = ready;
  const report: StatusReport = {
    ...rest,
    state,
    ...(withCertificate && certificate !== undefined ? { certificate } : {}),
  };
  expect(buildRequestStatus(report, {}, NOW)).toMatchObject({ status: word, issued: withCertificate });
});

test('an equal report changes nothing', () => {
  const status = buildRequestStatus(ready, {}, NOW);
  const asTheServerSendsIt: unknown = JSON.parse(JSON.stringify(status));
  expect(buildRequestStatus(ready, asTheServerSendsIt, new Date())).toStrictEqual(asTheServerSendsIt);
});

test.each([
  ['2026-01-01 00:00:00 +0000 UTC', '2026-01-01T00:00:00.000Z'],
  ['2026-01-01 02:30:00.5 +0230 XYZ', '2026-01-01T00:00:00.000Z'],
  ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000Z'],
  ['2026-01-01T01:00:00+01:00', '2026-01-01T00:00:00.000Z'],
])('parses the instant %s', (text, expected) => {
  expect(parseTimestamp(text)?.toISOString()).toBe(expected);
});

test.each(['', 'yesterday', '1', '2026-01-01', '2026-13-01 00:00:00 +0000 UTC'])('%j is no instant', (text) => {
  expect(parseTimestamp(text)).toBeUndefined();
});
