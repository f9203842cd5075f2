/** An ACME account of another CA than the one that issued what is in use: two real CAs. */
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { certificateStatus, type Pebble, startPebble } from '../../../local/stack/parts/pebble.ts';
import { tlsFiles } from '../../../local/stack/tls.ts';
import { registerAccount } from '../../../src/acme/register-account.ts';
import { AcmeTransport } from '../../../src/acme/transport.ts';
import { type Account, readAccount, writeAccount } from '../../support/e2e/account-secret.ts';
import { expectStatusAtCa, waitFor, waitForCertificate } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { eventsOf, getRequest, waitUntilCertified } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { scrape } from '../../support/e2e/prometheus.ts';
import { endProcesses, expectExit, runCertman } from '../../support/process/certman-process.ts';

const WORKER = { CERTMAN_RESYNC_INTERVAL: '5s' };

const lab = useE2eHarness({ worker: WORKER });
let otherCa: Pebble;
let otherAccount: Account;
let account: Account;
let cluster: E2eCluster;
let firstSerial: string;

beforeAll(async () => {
  const { stateDir, dns } = lab().stack;
  const tls = await tlsFiles(join(stateDir, 'tls'));
  const context = { stateDir, signal: new AbortController().signal };
  otherCa = await startPebble({ ...context, name: 'other-ca', tls, dnsServer: dns.address });
  otherAccount = await createAccount(otherCa);
  account = await readAccount(lab());
  cluster = await createCluster(lab(), 'kept');
  firstSerial = (await waitUntilCertified(lab(), cluster)).serialNumber;
});
afterAll(async () => {
  await endProcesses();
  await otherCa?.stop();
});

async function createAccount({ directoryUrl, caFile }: Pebble): Promise<Account> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const transport = new AcmeTransport({ caBundlePem: await readFile(caFile, 'utf8'), userAgent: 'certman-test' });
  try {
    const accountUrl = await registerAccount(transport, { directoryUrl, privateKeyPem, termsAgreed: true });
    return { 'account-url': accountUrl, 'private-key': privateKeyPem };
  } finally {
    await transport.close();
  }
}

const settingsOf = ({ directoryUrl, rootsFile }: Pebble) => ({
  CERTMAN_ACME_DIRECTORY_URL: directoryUrl,
  CERTMAN_TRUST_BUNDLE: rootsFile,
});

const hostOf = (url: string): string => new URL(url).host;

interface RequestStatus {
  readonly serialNumber?: string;
  readonly acmeServer?: string;
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[];
}

async function waitUntilKept(serialNumber: string, acmeServer: string): Promise<void> {
  await waitFor('the certificate is kept, and the reason is reported', async () => {
    const status = (await getRequest(lab(), cluster))?.['status'] as RequestStatus | undefined;
    const conditions = status?.conditions?.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`) ?? [];
    const isKept =
      ['Ready True Issued', 'Failing True AcmeCaChanged'].every((condition) => conditions.includes(condition)) &&
      status?.serialNumber === serialNumber &&
      status.acmeServer === acmeServer;
    return isKept ? {} : JSON.stringify(status ?? null);
  });
  expect((await waitForCertificate(lab().kubernetes, cluster)).serialNumber).toBe(serialNumber);
}

test('replaces nothing, at no request of an operator either, and says what to do', async () => {
  await lab().stopWorkers();
  await writeAccount(lab(), otherAccount);
  const worker = await lab().startWorker({
    environment: { ...WORKER, ...settingsOf(otherCa) },
  });
  await waitUntilKept(firstSerial, hostOf(lab().ca.url));
  const { output } = await expectExit(runCertman(['renew', 'kept/kept'], lab().commandEnvironment()), 1);
  expect(output).toContain(`but the ACME account is one of ${hostOf(otherCa.directoryUrl)}`);
  await waitUntilKept(firstSerial, hostOf(lab().ca.url));
  await expectStatusAtCa(lab().stack, firstSerial, 'Valid');
  await waitFor('an Event says what allows it', async () => {
    const events = (await eventsOf(lab(), cluster)).join('\n');
    return events.includes(`CERTMAN_ALLOW_CA_CHANGE_TO=${hostOf(otherCa.directoryUrl)}`) ? {} : events;
  });
  const metrics = await scrape(worker.metricsUrl);
  expect(metrics.value('certman_issuances_total', { result: 'AcmeCaChanged' })).toBeGreaterThanOrEqual(1);
});

test('replaces the certificate at once where the setting allows that CA, and that CA only', async () => {
  const allowed = { ...WORKER, CERTMAN_ALLOW_CA_CHANGE_TO: hostOf(otherCa.directoryUrl) };
  await lab().stopWorkers();
  await lab().startWorker({ environment: { ...allowed, ...settingsOf(otherCa) } });
  const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster, firstSerial);
  expect((await certificateStatus(otherCa, serialNumber)).Status).toBe('Valid');

  await lab().stopWorkers();
  await writeAccount(lab(), account);
  await lab().startWorker({ environment: allowed });
  await waitUntilKept(serialNumber, hostOf(otherCa.directoryUrl));
});
