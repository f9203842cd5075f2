import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { describe, expect, it, test } from 'vitest';
import { type CompletedOrder, certificateHistory } from '../../../src/cli/history/certificate-history.ts';
import { formatHistory } from '../../../src/cli/history/history-text.ts';
import {
  type AskedFor,
  type OperatorRequest,
  OperatorRequests,
  requestIn,
} from '../../../src/cli/history/operator-requests.ts';
import type { BundleRecord } from '../../../src/contract/bundle-record.ts';
import { knownCertificates } from '../../../src/contract/known-certificates.ts';

const NOW = Date.parse('2026-11-29T00:00:00Z');

function certificate(serialNumber: string, notAfter = '2027-02-01T00:00:00Z') {
  return {
    serialNumber,
    issuerName: 'R3',
    notBefore: '2026-11-01T00:00:00Z',
    notAfter,
    dnsNames: ['api.c1.example.com'],
    fingerprint: serialNumber,
  };
}

function order(serialNumber: string, day: number, change: Partial<CompletedOrder> = {}): CompletedOrder {
  const facts = certificate(serialNumber);
  const at = `2026-11-${String(day).padStart(2, '0')}T00:00:00.000Z`;
  return {
    uid: 'u',
    bundle: 'primary',
    workflowId: `issue/hive/ns/c1/u/primary/${day}`,
    orderedAt: at,
    issuedAt: at,
    reason: 'RenewalDue',
    result: {
      certificate: facts,
      issued: { serialNumber, notAfter: facts.notAfter, certificateUrl: 'https://ca/1' },
      caHost: 'ca.example',
      orderUrl: 'https://ca/order/1',
    },
    ...change,
  };
}

function asked(kind: OperatorRequest['kind'], by: string, change: Partial<OperatorRequest> = {}): OperatorRequest {
  return { kind, at: 100_000, by, ...change };
}

function record(serialNumber: string, change: Partial<BundleRecord> = {}): BundleRecord {
  return {
    state: 'Ready',
    renewalTime: '2026-12-15T00:00:00Z',
    message: '',
    since: '',
    secretName: 's',
    requestName: 'r',
    dnsNames: [],
    certificate: certificate(serialNumber),
    orders: 3,
    issued: [],
    ...change,
  } as BundleRecord;
}

describe('the certificates of a cluster', () => {
  it('are listed newest first, each with why, by whom, and what became of it', () => {
    const history = certificateHistory({
      orders: [
        order('1', 1, { reason: 'SecretMissing' }),
        order('3', 20, { reason: 'RenewRequested', requests: [asked('renewal', 'alice@laptop')] }),
        order('2', 10, { reason: 'Revoked' }),
        order('9', 5, { bundle: 'other' }),
      ],
      bundles: { primary: record('3'), other: record('9') },
      decommissions: [],
      now: NOW,
    });
    expect(
      history.map(({ serialNumber, why, by, fate, replacedBy }) => [serialNumber, why, by, fate, replacedBy]),
    ).toEqual([
      ['3', 'an operator requested it', 'alice@laptop', 'in use', undefined],
      ['2', 'the one before was revoked', 'the CA', 'replaced', '3'],
      ['9', 'its renewal was due', 'certman', 'in use', undefined],
      ['1', 'no certificate in the Secret', 'certman', 'revoked', '2'],
    ]);
  });

  it('are revoked where a campaign had them revoked, which the list of those that certman issued says', () => {
    const issued = [
      { serialNumber: '1', notAfter: '2027-02-01T00:00:00Z', certificateUrl: 'u', revokedAt: '2026-11-21T00:00:00Z' },
    ];
    const orders = [order('1', 1), order('2', 20, { reason: 'CampaignRequested' })];
    const history = certificateHistory({
      orders,
      bundles: { primary: record('2', { issued }) },
      decommissions: [],
      now: NOW,
    });
    expect(history.map(({ serialNumber, fate }) => [serialNumber, fate])).toEqual([
      ['2', 'in use'],
      ['1', 'revoked'],
    ]);
  });

  it('are those that a decommissioned cluster had adopted, too', () => {
    const { certificates } = { certificates: knownCertificates(record('77', { issued: [] })) };
    const revocations = [{ serialNumber: '77', outcome: 'revoked', message: '' }] as const;
    const identity = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'u' };
    const bundle = { bundleName: 'primary', revocations, certificates, removed: [], failures: [] };
    const decommission = { cluster: identity, bundles: [bundle], finalizerRemoved: true };
    expect(certificateHistory({ orders: [], decommissions: [decommission], now: NOW })).toEqual([
      expect.objectContaining({ serialNumber: '77', reason: 'Adopted', issuer: 'R3', fate: 'revoked' }),
    ]);
    const ordered = certificateHistory({ orders: [order('77', 1)], decommissions: [decommission], now: NOW });
    expect(ordered.map(({ reason, fate }) => [reason, fate])).toEqual([['RenewalDue', 'revoked']]);
  });

  it('are those of the record too, where Temporal no longer has the order, or certman did not order them', () => {
    const issued = [
      { serialNumber: '4', notAfter: '2027-01-01T00:00:00Z', certificateUrl: 'https://ca/4' },
      { serialNumber: '5', notAfter: '2026-12-24T00:00:00Z', leaf: 'AA==' },
    ];
    const history = certificateHistory({
      orders: [],
      bundles: { primary: record('4', { issued }) },
      decommissions: [],
      now: NOW,
    });
    expect(
      history.map(({ serialNumber, reason, by, fate, issuer }) => [serialNumber, reason, by, fate, issuer]),
    ).toEqual([
      ['5', 'Adopted', undefined, 'unknown', undefined],
      ['4', undefined, 'certman', 'in use', 'R3'],
    ]);
    const adopted = certificateHistory({ orders: [], bundles: { primary: record('7') }, decommissions: [], now: NOW });
    expect(adopted.map(({ serialNumber, reason, fate }) => [serialNumber, reason, fate])).toEqual([
      ['7', 'Adopted', 'in use'],
    ]);
  });

  it('were revoked by a decommission, or have expired; without a record the last one is not known to be in use', () => {
    const revocations = [
      { serialNumber: '1', outcome: 'revoked', message: '' },
      { serialNumber: '2', outcome: 'unknownToAccount', message: '' },
    ] as const;
    const bundles = [{ bundleName: 'primary', revocations, removed: [], failures: [] }];
    const cluster = { managementCluster: 'hive', namespace: 'ns', name: 'c1', uid: 'u' };
    const orders = [order('1', 1), order('2', 2), order('3', 3, { uid: 'later' })];
    const fates = (now: number) =>
      certificateHistory({ orders, decommissions: [{ cluster, bundles, finalizerRemoved: true }], now }).map(
        ({ serialNumber, fate }) => `${serialNumber} ${fate}`,
      );
    expect(fates(NOW)).toEqual(['3 latest', '2 latest', '1 revoked']);
    expect(fates(Date.parse('2028-01-01T00:00:00Z'))).toEqual(['3 expired', '2 expired', '1 revoked']);
  });
});

describe('who asked', () => {
  const time = { eventTime: { seconds: 100, nanos: 0 } };
  const updated = (name: string, identity: string) => ({
    ...time,
    workflowExecutionUpdateAcceptedEventAttributes: { acceptedRequest: { meta: { identity }, input: { name } } },
  });
  const signalled = (signalName: string, identity: string) => ({
    ...time,
    workflowExecutionSignaledEventAttributes: { signalName, identity },
  });
  const read = (event: object, argument?: unknown) => requestIn(event as never, () => Promise.resolve(argument));

  it('for a renewal is the client of the update', async () => {
    expect(await read(updated('renew', 'alice@laptop'), {})).toEqual([asked('renewal', 'alice@laptop')]);
    expect(await read(updated('renew', 'alice@laptop'), { bundleName: 'b' })).toEqual([
      asked('renewal', 'alice@laptop', { bundle: 'b' }),
    ]);
    expect(await read(updated('release', 'alice@laptop'))).toEqual([]);
    expect(await read(updated('renew', ''))).toEqual([]);
    expect(await read({})).toEqual([]);
  });

  it('for a revocation is the client of the signal', async () => {
    const argument = { bundleName: 'b', serialNumber: '1' };
    const ofOne = { bundle: 'b', serialNumber: '1' };
    expect(await read(signalled('revocationRequested', 'bob@laptop'), argument)).toEqual([
      asked('revocation', 'bob@laptop', ofOne),
    ]);
    // An argument that cannot be decrypted.
    expect(await read(signalled('revocationRequested', 'bob@laptop'))).toEqual([asked('revocation', 'bob@laptop')]);
    expect(await read(signalled('certificateRevoked', 'bob@laptop'), argument)).toEqual([]);
  });

  describe('may have asked in a run before, where other certificates were renewed first', () => {
    const at = (seconds: number) => ({ eventTime: { seconds, nanos: 0 } });
    const begun = (seconds: number, continuedExecutionRunId: string) => ({
      ...at(seconds),
      workflowExecutionStartedEventAttributes: { continuedExecutionRunId },
    });
    /** Run `r9` continues `r8` and so on; each lasts 100 s, and that of alice's request is `r1`. */
    const histories = new Map<string, readonly object[]>(
      Array.from({ length: 10 }, (_, n) => [`r${n}`, [begun(n * 100, n === 0 ? '' : `r${n - 1}`)]]),
    );
    histories.set('r1', [begun(100, 'r0'), { ...updated('renew', 'alice@laptop'), ...at(150) }]);
    histories.set('r8', [begun(800, 'r7'), { ...updated('renew', 'bob@laptop'), ...at(850) }]);
    const notFound = (run: string) => new WorkflowNotFoundError('not found', 'w', run);
    const reader = (maxRuns?: number, failure: (run: string) => Error = notFound) => {
      const runsRead: string[] = [];
      const fetchHistory = (run: string) => {
        runsRead.push(run);
        const events = histories.get(run);
        return events ? Promise.resolve({ events }) : Promise.reject(failure(run));
      };
      const getHandle = (_workflowId: string, run: string) => ({ fetchHistory: () => fetchHistory(run) });
      const withDeadline = (_deadline: number, call: () => unknown) => call();
      const client = { workflow: { getHandle }, options: {}, withDeadline } as unknown as Client;
      return { runsRead, requests: new OperatorRequests(client, maxRuns) };
    };
    const before = async (requests: OperatorRequests, who: string, runId: string, change: Partial<AskedFor> = {}) => {
      const isIt = ({ by }: OperatorRequest) => by === `${who}@laptop`;
      const found = await requests.before(
        { workflowId: 'w', runId },
        { orderedAt: new Date(990_000), isIt, ...change },
      );
      return found.map(({ by }) => by);
    };

    it('which is read back to what is asked, each run once', async () => {
      const { requests, runsRead } = reader();
      expect(await before(requests, 'bob', 'r9')).toEqual(['bob@laptop']);
      expect(runsRead).toEqual(['r9', 'r8']);
      expect(await before(requests, 'alice', 'r9')).toEqual(['alice@laptop', 'bob@laptop']);
      expect(runsRead).toEqual(['r9', 'r8', 'r7', 'r6', 'r5', 'r4', 'r3', 'r2', 'r1']);
      expect(await before(requests, 'alice', 'r9', { orderedAt: new Date(140_000) })).toEqual([]);
      expect(requests.unreadBefore).toBeUndefined();
    });

    it('but not before it can have been asked', async () => {
      const { requests, runsRead } = reader();
      expect(await before(requests, 'alice', 'r9', { since: 650_000 })).toEqual(['bob@laptop']);
      expect(runsRead.at(-1)).toBe('r6');
      expect(requests.unreadBefore).toBeUndefined();
    });

    it('and not for ever, where runs continue one another', async () => {
      histories.set('loop', [{ workflowExecutionStartedEventAttributes: { continuedExecutionRunId: 'loop' } }]);
      expect(await before(reader().requests, 'alice', 'loop')).toEqual([]);
    });

    it('and it says where it stopped, by the bound or a failure', async () => {
      const bounded = reader(3).requests;
      expect(await before(bounded, 'alice', 'r9')).toEqual(['bob@laptop']);
      expect(bounded.unreadBefore).toBe(700_000);
      const failing = reader(undefined, (run) => new Error(run)).requests;
      expect(await before(failing, 'alice', 'lost')).toEqual([]);
      expect(failing.unreadBefore).toBe(990_000);
      const gone = reader().requests;
      expect(await before(gone, 'alice', 'lost')).toEqual([]);
      expect(gone.unreadBefore).toBeUndefined();
    });
  });

  it('is shown for the bundle and the certificate that were meant', () => {
    const requests = [
      asked('revocation', 'alice@laptop', { bundle: 'primary', serialNumber: '1' }),
      asked('revocation', 'bob@laptop', { bundle: 'other', serialNumber: '9' }),
      asked('renewal', 'carol@laptop', { bundle: 'other' }),
    ];
    const by = (reason: string, serialNumber = '1') => {
      const orders = [order(serialNumber, 1), order('2', 2, { reason, requests })];
      return certificateHistory({ orders, decommissions: [], now: NOW })[0]?.by;
    };
    expect(by('RevocationRequested')).toBe('alice@laptop');
    // Revoked before it was replaced: by an operator, or by the CA.
    expect(by('Revoked')).toBe('alice@laptop');
    expect(by('Revoked', '9')).toBe('the CA');
    expect(by('RenewRequested')).toBe('a person');
  });
});

test('the text has the end of a serial number, wide all of it, and how many orders failed', () => {
  const serial = '123456789012345678901234';
  const certificates = certificateHistory({ orders: [order(serial, 1)], decommissions: [], now: NOW });
  const history = { cluster: 'ns/c1', certificates, unsuccessfulOrders: 2, lastUnsuccessful: '2026-11-02T00:00:00Z' };
  expect(formatHistory(history)).toMatch(
    /…45678901234 .*latest.*its renewal was due.*\n2 orders ended without a certificate/,
  );
  expect(formatHistory(history, true)).toMatch(new RegExp(`${serial}.*2026-11-01 00:00:00Z.*api\\.c1\\.example\\.com`));
  const requestsUnreadBefore = '2026-10-01T00:00:00.000Z';
  expect(formatHistory({ ...history, requestsUnreadBefore })).toContain(
    'Not all runs of the workflow from before 2026-10-01T00:00:00.000Z were read: BY can be incomplete there.',
  );
  expect(formatHistory({ cluster: 'ns/c1', certificates: [], unsuccessfulOrders: 0 })).toBe(
    'ns/c1 has had no certificate yet.',
  );
});
