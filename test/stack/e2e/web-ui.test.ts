/** What the Temporal Web UI and `certman report` show of a certificate that is in use and of one that fails, in a real browser. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, FrameLocator, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleCluster } from '../../../local/stack/management-cluster/sample-cluster.ts';
import { nextAttemptOf } from '../../../src/contract/bundle-record.ts';
import { clusterWorkflowId, issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { CertIssuer, CertNameSet, CertReason, CertState } from '../../../src/contract/search-attributes.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';
import { PICTURE_SIZE, takePicture } from '../../support/documents/pictures.ts';
import { readCommandQueries, readSavedViews } from '../../support/documents/saved-views.ts';
import { findBrowser, NO_BROWSER, startBrowser } from '../../support/e2e/browser.ts';
import { waitFor, waitForCertificate, waitForReadyRequest } from '../../support/e2e/checks.ts';
import {
  applyClusterObjects,
  type ClusterObjects,
  readReportedState,
  validClusterObjects,
} from '../../support/e2e/cluster-objects.ts';
import type { E2eCluster } from '../../support/e2e/clusters.ts';
import { statusOf } from '../../support/e2e/evidence.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { BAD_KEYS, rejectBadKeys } from '../../support/faults/rejected-aws-keys.ts';
import { expectExit, runCertman } from '../../support/process/certman-process.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

/** Height of the fixed page header. */
const HEADER_PX = 48;
const QUIET_MS = 120_000;
const FAILING_VIEW = 'failing, or needs something';

const executable = findBrowser();
if (executable === undefined) process.stderr.write(`The Web UI is not tested: ${NO_BROWSER}.\n`);

describe.skipIf(executable === undefined)('the Temporal Web UI', () => {
  const lab = useE2eHarness({ zoneName: 'example.com' });
  const views = new Map(readSavedViews().map(({ name, queries }) => [name, queries]));
  let browser: Browser;
  /** The cluster that the queries of docs/web-ui.md name. */
  let demo: E2eCluster;
  /** Its AWS credentials are refused. */
  let checkout: E2eCluster;

  beforeAll(async () => {
    rejectBadKeys(lab());
    [browser, demo, checkout] = await Promise.all([
      startBrowser(executable ?? ''),
      createClusterIn('uhc-production-1', 'demo'),
      createClusterIn('uhc-production-2', 'checkout', { aws_access_key_id: BAD_KEYS.AccessDenied }),
    ]);
    const { serialNumber } = await waitForCertificate(lab().kubernetes, demo, undefined);
    await waitForReadyRequest(lab().kubernetes, demo, serialNumber);
    await waitFor('checkout fails', async () => {
      const { conditions } = await readReportedState(lab(), checkout);
      const failing = conditions.find(({ type }) => type === 'Failing');
      return failing?.status === 'True' ? {} : JSON.stringify(conditions);
    });
  });

  afterAll(() => browser?.close());

  test('the views of docs/web-ui.md find what they say, and Temporal accepts each query of the documents', async () => {
    const [cluster, order, failing] = [
      clusterWorkflowId(demo.identity),
      issuanceWorkflowId(demo.identity, 'primary', 1),
      clusterWorkflowId(checkout.identity),
    ];
    const expected: Readonly<Record<string, readonly string[]>> = {
      [FAILING_VIEW]: [failing],
      'waiting for a turn at the CA': [],
      'expiring before an instant': [cluster],
      'renewal due before an instant; with now, those that are late': [cluster],
      'more than its state and reason say': [],
      'decommissioning blocked': [],
      'renewal postponed': [],
      paused: [],
      'one cluster, with its orders': [cluster, order],
      'every cluster of one namespace': [cluster, order],
      'one name': [cluster, order],
      'one issuer': [cluster],
      'orders under way': [],
      'all orders for one set of names, newest first': [order],
      'orders by their reason': [order],
      'budgets, campaigns': [],
      'one management cluster of several': [cluster, failing],
    };
    expect([...views.keys()].toSorted()).toEqual(Object.keys(expected).toSorted());
    // The order's workflow reports Ready before the cluster's has its search attributes.
    await waitUntilFound([`${CertState.name} = "Ready"`], [cluster]);
    const [inUse, placed] = await Promise.all(
      [cluster, order].map((id) => lab().client.workflow.getHandle(id).describe()),
    );
    const issuer = inUse?.typedSearchAttributes.get(CertIssuer) ?? '';
    const nameSet = placed?.typedSearchAttributes.get(CertNameSet) ?? '';
    // Values that differ with each CA and day.
    const adapt = (query: string): string =>
      query
        .replace(/(?<=CertIssuer = ")[^"]+/, issuer)
        .replace(/(?<=CertNameSet = ")[^"]+/, nameSet)
        .replaceAll(/\d{4}-\d\d-\d\dT00:00:00Z/g, '2100-01-01T00:00:00Z');
    for (const [view, queries] of views) await waitUntilFound(queries.map(adapt), expected[view] ?? []);
    for (const query of readCommandQueries()) await lab().client.workflow.count(query);
  });

  test('a saved view lists the cluster that fails, and its page says why, what is next, and what to type', async () => {
    const [query = ''] = views.get(FAILING_VIEW) ?? [];
    await waitUntilNoAttemptIsNear();
    await waitUntilFound([query], [clusterWorkflowId(checkout.identity)]);
    await withPage(`?query=${encodeURIComponent(query)}`, async (page) => {
      const link = page.getByRole('link', { name: clusterWorkflowId(checkout.identity) });
      await waitUntilVisible(link);
      await waitUntilVisible(page.getByTestId('workflow-status-Running'));
      expect(await page.getByRole('link', { name: clusterWorkflowId(demo.identity) }).count()).toBe(0);
      await takePicture(page, 'failing-view');
      await link.first().click();
      await waitUntilVisible(timeline(page).getByText(/primary: try again at 20\d\d-/));
      const details = await openDetails(page, 'uhc-production-2/checkout');
      const row = details.getByRole('row', { name: 'primary' });
      await waitUntilVisible(row.getByRole('cell', { name: 'Waiting', exact: true }));
      const text = await details.locator('body').innerText();
      for (const part of ['AccessDenied', 'certman explain uhc-production-2/checkout', ...checkout.dnsNames])
        expect(text).toContain(part);
      expect(text).toMatch(/Attempt \d+ failed; the next one is at 20\S+Z/);
      await takePicture(page, 'failing');
      await page.getByTestId('search-attributes-tab').filter({ visible: true }).click();
      for (const attribute of [`"${CertState.name}": "Waiting"`, `"${CertReason.name}": "DnsAccessDenied"`])
        await waitUntilVisible(page.getByText(attribute).filter({ visible: true }));
    });
  });

  test('shows the issuance and the renewal timer in the timeline of the cluster’s workflow', async () => {
    await withPage(`/${encodeURIComponent(clusterWorkflowId(demo.identity))}`, async (page) => {
      await waitUntilVisible(timeline(page).getByText('Issue api.demo.example.com and 2 more'));
      await waitUntilVisible(timeline(page).getByText(/primary: renew at 20\d\d-/));
    });
  });

  test('shows the state of each bundle in the details of the cluster’s workflow', async () => {
    await withPage(`/${encodeURIComponent(clusterWorkflowId(demo.identity))}`, async (page) => {
      const details = await openDetails(page, 'uhc-production-1/demo');
      const summary = page.locator('iframe[title="output"]').first().contentFrame();
      await waitUntilVisible(summary.getByText('Certificates of uhc-production-1/demo on hive'));
      const row = details.getByRole('row', { name: 'primary' });
      await waitUntilVisible(row.getByRole('cell', { name: 'Ready', exact: true }));
      for (const name of demo.dnsNames) expect(await row.innerText()).toContain(name);
      expect(await details.locator('body').innerText()).toMatch(/Valid until 20\S+Z; renews at 20\S+Z: .+ then left/);
      // The frame, which grows to its content, does not cut off the last line.
      await waitFor('the details end within their frame', async () => {
        const frame = bottom(await page.locator('iframe[title="output"]').nth(1).boundingBox());
        const last = bottom(await details.getByText('certman explain').boundingBox());
        return last <= frame ? {} : `they end at ${last}, the frame at ${frame}`;
      });
      await takePicture(page, 'workflow');
    });
  });

  test('shows a summary of each activity in the timeline of the issuance', async () => {
    await withPage(`/${encodeURIComponent(issuanceWorkflowId(demo.identity, 'primary', 1))}`, async (page) => {
      const summary = 'order api.demo.example.com and 2 more; unless it has to wait, publish TXT records';
      await waitUntilVisible(timeline(page).getByText(summary));
      await page.getByTestId('compact').filter({ visible: true }).click();
      await waitUntilVisible(page.getByTestId('event-summary-table').getByText(summary));
      await scrollTo(page, page.getByTestId('zoom-in').filter({ visible: true }));
      await takePicture(page, 'issuance');
    });
  });

  test('the browser shows the report of this fleet, with charts and the failure, and loads nothing else', async () => {
    await waitUntilNoAttemptIsNear();
    const file = join(lab().stack.stateDir, 'fleet.html');
    await expectExit(runCertman(['report', '-f', file], lab().commandEnvironment()));
    const page = await browser.newPage({ viewport: PICTURE_SIZE });
    try {
      const requests: string[] = [];
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(file).href);
      expect(await page.locator('svg').count()).toBe(3);
      const failure = page.getByRole('row', { name: 'uhc-production-2/checkout' }).first();
      expect(await failure.innerText()).toMatch(/Waiting\s+DnsAccessDenied\s+.*AccessDenied/);
      const order = page.getByRole('row', { name: 'api.demo.example.com' }).first();
      expect(await order.innerText()).toContain('uhc-production-1/demo');
      expect(requests).toEqual([pathToFileURL(file).href]);
    } finally {
      await page.close();
    }
  });

  async function createClusterIn(
    namespace: string,
    name: string,
    credentials?: Readonly<Record<string, string>>,
  ): Promise<E2eCluster> {
    const cluster = { ...sampleCluster(name, lab().zone.name), namespace };
    const valid = validClusterObjects(cluster, lab().zone.zoneId);
    const { credentials: secret } = valid;
    const objects: ClusterObjects =
      secret === undefined || credentials === undefined
        ? valid
        : { ...valid, credentials: { ...secret, stringData: { ...(secret['stringData'] as object), ...credentials } } };
    await applyClusterObjects(lab(), objects);
    const found = await lab().kubernetes.get(CLUSTER_DEPLOYMENTS, { namespace, name });
    return { ...cluster, identity: { managementCluster: 'hive', namespace, name, uid: found?.metadata.uid ?? '' } };
  }

  /** A page that is opened during an attempt shows that, and is not shown anew. */
  async function waitUntilNoAttemptIsNear(): Promise<void> {
    await waitFor('the next attempt of checkout is minutes away', async () => {
      const record = (await statusOf(lab(), checkout)).bundles['primary'];
      const next = record && nextAttemptOf(record);
      return next !== undefined && Date.parse(next) - Date.now() > QUIET_MS ? {} : `it is at ${next}`;
    });
  }

  /** Waits until visibility finds these of the fleet's workflows, but for the orders of checkout, and no others. */
  async function waitUntilFound(queries: readonly string[], expected: readonly string[]): Promise<void> {
    const known = new Set([
      ...[demo, checkout].map(({ identity }) => clusterWorkflowId(identity)),
      issuanceWorkflowId(demo.identity, 'primary', 1),
    ]);
    await waitFor(`${queries.join('; ')} finds ${expected.join(', ')}`, async () => {
      const found = new Set<string>();
      for (const query of queries)
        for await (const { workflowId } of lab().client.workflow.list({ query })) found.add(workflowId);
      const shown = [...known].filter((id) => found.has(id));
      return shown.toSorted().join() === expected.toSorted().join() ? {} : `it finds ${shown.join(', ')}`;
    });
  }

  /** Opens a page below the list of workflows. */
  async function withPage(path: string, use: (page: Page) => Promise<void>): Promise<void> {
    const page = await browser.newPage({ viewport: PICTURE_SIZE });
    page.setDefaultTimeout(WAIT_TIMEOUT_MS);
    try {
      await page.goto(`${lab().stack.temporal.uiUrl}/namespaces/default/workflows${path}`);
      await use(page);
    } finally {
      await page.close();
    }
  }
});

/** Opens the current details on the page of a workflow. */
async function openDetails(page: Page, heading: string): Promise<FrameLocator> {
  await page.getByTestId('user-metadata-tab').filter({ visible: true }).click();
  const details = page.locator('iframe[title="output"]').nth(1).contentFrame();
  await waitUntilVisible(details.getByRole('heading', { name: heading }));
  return details;
}

/** Texts of the timeline graph, not of the event table below it. */
function timeline(page: Page): Locator {
  return page.locator('svg text');
}

function bottom(box: { readonly y: number; readonly height: number } | null): number {
  return box === null ? Number.NaN : box.y + box.height;
}

async function waitUntilVisible(what: Locator): Promise<void> {
  await what.first().waitFor({ state: 'visible' });
}

/** Scrolls with the wheel; the pointer is over the header, where no inner element scrolls. */
async function scrollTo(page: Page, what: Locator): Promise<void> {
  const { x, y } = (await what.boundingBox()) ?? { x: 0, y: 0 };
  await page.mouse.move(x, HEADER_PX + 20);
  await page.mouse.wheel(0, y - HEADER_PX - 20);
  await waitFor('the element is in the upper half', async () => {
    const now = (await what.boundingBox())?.y ?? y;
    return now < PICTURE_SIZE.height / 2 ? {} : `it is at ${now}`;
  });
}
