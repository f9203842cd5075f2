/** What the sweep of what clusters serve writes, and of what it records Events. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { FailedProbes } from '../../../src/controller/failed-probes.ts';
import { AddressLookupError } from '../../../src/dns/public-addresses.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { ResolveHost } from '../../../src/network/resolve-allowed.ts';
import { TrustStore } from '../../../src/x509/trust-store.ts';
import { IssuingCa } from '../../support/certificates/issuing-ca.ts';
import { startTlsServer } from '../../support/certificates/tls-server.ts';
import { HOUR_MS, installed, toLoopback, useServedSweep } from '../../support/controller/served-sweep.ts';
import { Gate } from '../../support/faults/gate.ts';

const sweep = useServedSweep();

describe('the sweep of what clusters serve', () => {
  test('writes the condition and the Events once; the same answer again writes nothing', async () => {
    sweep.setRequest({ ...sweep.issued.status, ...installed(60_000) });
    const client = sweep.setUp();
    const { result } = await sweep.pollOnce(client);
    expect(sweep.served()).toMatchObject({ status: 'True', reason: 'Served' });
    expect(result?.kind).toBe('answered');
    expect((result?.nextPollAt ?? 0) - Date.now()).toBeGreaterThan(11 * HOUR_MS);
    await sweep.pollOnce(client);
    expect(sweep.patches).toBe(1);
    expect(sweep.events).toEqual(['Normal Served', 'Normal Served']);
  });

  test('records no Event of a certificate from before the probes began that is served', async () => {
    sweep.setRequest(sweep.issued.status);
    await sweep.pollOnce(sweep.setUp());
    expect(sweep.served()).toMatchObject({ status: 'True' });
    expect(sweep.events).toEqual([]);
  });

  test('takes a certificate for served until three probes in a row have not reached the cluster', async () => {
    sweep.setRequest({ ...sweep.issued.status, ...installed(48 * HOUR_MS) });
    const down = { current: false };
    const client = sweep.setUp(sweep.api, undefined, () =>
      down.current
        ? Promise.reject(new AddressLookupError('EAI_AGAIN', 'no resolver answers'))
        : Promise.resolve([{ address: '127.0.0.1', family: 4 }]),
    );
    const { subject } = await sweep.pollOnce(client);
    const pollAgain = async () => {
      const [result] = await client.poll([client.find(subject.key) ?? subject]);
      sweep.observe();
      return { result, reason: sweep.served()?.reason };
    };
    down.current = true;
    const waits: number[] = [];
    for (const reason of ['Served', 'Served', 'Unreachable', 'Unreachable']) {
      const polled = await pollAgain();
      expect(polled.reason).toBe(reason);
      waits.push(Math.round(((polled.result?.nextPollAt ?? 0) - Date.now()) / 60_000));
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    down.current = false;
    expect((await pollAgain()).reason).toBe('Served');
    down.current = true;
    expect((await pollAgain()).reason).toBe('Served');
  });

  test.each(['before', 'during'])(
    'keeps nothing of a certificate that goes out of use %s a probe that fails',
    async (when) => {
      sweep.setRequest(sweep.issued.status);
      const failedProbes = new FailedProbes();
      const gate = new Gate();
      const looking = Promise.withResolvers<void>();
      let isHeld = false;
      const resolve: ResolveHost = async () => {
        looking.resolve();
        if (isHeld) await gate.opened;
        throw new AddressLookupError('EAI_AGAIN', 'no resolver answers');
      };
      const client = sweep.setUp(sweep.api, undefined, resolve, failedProbes);
      const { subject } = await sweep.pollOnce(client);
      expect(failedProbes.size).toBe(1);
      isHeld = when === 'during';
      const polled = isHeld ? client.poll([subject]) : undefined;
      if (isHeld) await looking.promise;
      sweep.cache.deleteCluster(subject.cluster);
      sweep.cache.requests.delete(subject.request);
      expect([...client.changes()].map((key) => client.find(key))).toEqual([undefined]);
      gate.open();
      await polled;
      expect(failedProbes.size).toBe(0);
    },
  );

  test('waits for Hive without an Event, then warns once', async () => {
    const renewed = await sweep.issue('06');
    sweep.setRequest({ ...renewed.status, ...installed(HOUR_MS), replacedSerialNumber: '5' });
    await sweep.pollOnce(sweep.setUp());
    expect(sweep.served()).toMatchObject({ status: 'False', reason: 'NotServedYet' });
    expect(sweep.events).toEqual([]);
    sweep.setRequest({ ...renewed.status, ...installed(4 * HOUR_MS), replacedSerialNumber: '5' });
    const client = sweep.setUp();
    await sweep.pollOnce(client);
    await sweep.pollOnce(client);
    expect(sweep.served()).toMatchObject({ status: 'False', reason: 'NotServed' });
    expect(sweep.events).toEqual(['Warning NotServed', 'Warning NotServed']);
  });

  test('warns of a chain that clients refuse, and names the certificate', async () => {
    const { leafPem, keyPem, status } = await sweep.issue('07');
    const bare = await startTlsServer({ chainPem: leafPem, keyPem });
    onTestFinished(() => bare.close());
    sweep.view = { ...sweep.view, apiURL: `https://api.c1.example.com:${bare.port}` };
    sweep.setRequest(status);
    const others = await IssuingCa.create('Other');
    await sweep.pollOnce(sweep.setUp(sweep.api, new TrustStore([others.certificatePem])));
    expect(sweep.served()).toMatchObject({ status: 'False', reason: 'ChainNotTrusted' });
    expect(sweep.served()?.message).toContain('certificate 1 of 1 (CN=api.c1.example.com) was signed by "CN=Test R99"');
    expect(sweep.events).toEqual(['Warning ChainNotTrusted', 'Warning ChainNotTrusted']);
  });

  test.each([
    [{ privateLink: true }, 'PrivateLink'],
    [{ hibernating: true }, 'Hibernating'],
  ] as const)('connects to no cluster with %j, and says so', async (change, reason) => {
    sweep.view = { ...sweep.view, ...change };
    const before = sweep.server.seen.length;
    sweep.setRequest({ ...sweep.issued.status, ...installed(24 * HOUR_MS) });
    await sweep.pollOnce(sweep.setUp());
    expect(sweep.served()).toMatchObject({ status: 'Unknown', reason });
    expect(sweep.server.seen).toHaveLength(before);
    expect(sweep.events).toEqual([]);
  });

  test('writes the condition again that another writer removes during a probe', async () => {
    sweep.setRequest({ ...sweep.issued.status, ...installed(60_000) });
    const gate = new Gate();
    const probing = Promise.withResolvers<void>();
    const client = sweep.setUp(sweep.api, undefined, async (...host) => {
      if (sweep.patches === 0) return await toLoopback(...host);
      probing.resolve();
      await gate.opened;
      return await toLoopback(...host);
    });
    const { subject } = await sweep.pollOnce(client);
    const again = client.poll([client.find(subject.key) ?? subject]);
    await probing.promise;
    sweep.stored = sweep.stored && { ...sweep.stored, status: { ...sweep.issued.status, ...installed(60_000) } };
    sweep.observe();
    gate.open();
    await again;
    expect(sweep.served()).toMatchObject({ status: 'True', reason: 'Served' });
    expect(sweep.patches).toBe(2);
  });

  test('removes all conditions at the pace of the sweep where it is switched off', async () => {
    const condition = { type: 'Served', status: 'True', reason: 'Served', message: 'x' };
    sweep.setRequest({ ...sweep.issued.status, ...installed(60_000), conditions: [condition] });
    const client = sweep.setUpRemoval();
    const subject = sweep.subjectOf(client);
    expect(client.background?.includes(subject, Date.now())).toBe(true);
    await client.poll([subject]);
    expect(sweep.served()).toBeUndefined();
  });

  test('writes nothing to a request that has another certificate by then, or is another one', async () => {
    sweep.setRequest(sweep.issued.status);
    const metadata = { name: 'c1-primary', uid: 'u', ...sweep.stored?.metadata, resourceVersion: '2' };
    sweep.stored = sweep.stored && {
      ...sweep.stored,
      metadata,
      status: { ...(sweep.stored['status'] as object), serialNumber: '99' },
    };
    await sweep.pollOnce(sweep.setUp());
    expect(sweep.patches).toBe(0);
    expect(sweep.events).toEqual([]);
  });

  test('fails, to be repeated, while the API server refuses the write', async () => {
    const refused = new CertmanError({ code: 'kubernetes/unreachable', message: 'away' });
    sweep.setRequest(sweep.issued.status);
    await expect(sweep.pollOnce(sweep.setUp({ ...sweep.api, patch: () => Promise.reject(refused) }))).rejects.toBe(
      refused,
    );
  });
});
