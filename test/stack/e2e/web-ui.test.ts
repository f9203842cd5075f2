/**
 * What the Temporal Web UI shows of a certificate, in a real browser. Writes the screenshots of docs/images to
 * `.certman/screenshots`.
 */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clusterWorkflowId, issuanceWorkflowId } from '../../../src/contract/ids.ts';
import { CertState } from '../../../src/contract/search-attributes.ts';
import { findBrowser, NO_BROWSER, startBrowser } from '../../support/e2e/browser.ts';
import { waitFor, waitForCertificate, waitForReadyRequest } from '../../support/e2e/checks.ts';
import { createCluster, type E2eCluster } from '../../support/e2e/clusters.ts';
import { useE2eHarness } from '../../support/e2e/harness.ts';
import { WAIT_TIMEOUT_MS } from '../../support/vitest/timeouts.ts';

const SCREENSHOTS = resolve('.certman/screenshots');
const SIZE = { width: 1600, height: 1000 };
/** Height of the fixed page header. */
const HEADER_PX = 48;

const executable = findBrowser();
if (executable === undefined) process.stderr.write(`The Web UI is not tested: ${NO_BROWSER}.\n`);

describe.skipIf(executable === undefined)('the Temporal Web UI', () => {
  const lab = useE2eHarness({ zoneName: 'example.com' });
  let browser: Browser;
  let cluster: E2eCluster;

  beforeAll(async () => {
    await mkdir(SCREENSHOTS, { recursive: true });
    browser = await startBrowser(executable ?? '');
    cluster = await createCluster(lab(), 'payments');
    const { serialNumber } = await waitForCertificate(lab().kubernetes, cluster, undefined);
    await waitForReadyRequest(lab().kubernetes, cluster, serialNumber);
  });

  afterAll(() => browser?.close());

  test('lists the cluster in a search for CertState="Ready"', async () => {
    const query = `${CertState.name}="Ready"`;
    await waitFor('visibility finds the workflow', async () => {
      const { count } = await lab().client.workflow.count(query);
      return count === 1 ? {} : `${count} workflows are`;
    });
    await withPage(`?query=${encodeURIComponent(query)}`, async (page) => {
      await waitUntilVisible(page.getByRole('link', { name: clusterWorkflowId(cluster.identity) }));
      await waitUntilVisible(page.getByTestId('workflow-status-Running'));
      await screenshot(page, 'list');
    });
  });

  test('shows the issuance and the renewal timer in the timeline of the cluster’s workflow', async () => {
    await withPage(`/${encodeURIComponent(clusterWorkflowId(cluster.identity))}`, async (page) => {
      await waitUntilVisible(timeline(page).getByText('Issue api.payments.example.com and 2 more'));
      await waitUntilVisible(timeline(page).getByText(/primary: renew at 20\d\d-/));
      await screenshot(page, 'cluster-timeline');
    });
  });

  test('shows the state of each bundle in the details of the cluster’s workflow', async () => {
    await withPage(`/${encodeURIComponent(clusterWorkflowId(cluster.identity))}`, async (page) => {
      await page.getByTestId('user-metadata-tab').filter({ visible: true }).click();
      const [summary, details] = [0, 1].map((index) =>
        page.locator('iframe[title="output"]').nth(index).contentFrame(),
      );
      await waitUntilVisible(summary?.getByText('Certificates of payments/payments on hive'));
      await waitUntilVisible(details?.getByRole('heading', { name: 'payments/payments' }));
      const row = details?.getByRole('row', { name: 'primary' });
      await waitUntilVisible(row?.getByRole('cell', { name: 'Ready', exact: true }));
      for (const name of cluster.dnsNames) expect(await row?.innerText()).toContain(name);
      expect(await details?.locator('body').innerText()).toMatch(/Valid until 20\S+Z; renews at 20\S+Z: .+ then left/);
      // The frame, which grows to its content, does not cut off the table.
      await waitFor('the table ends within its frame', async () => {
        const frame = bottom(await page.locator('iframe[title="output"]').nth(1).boundingBox());
        const last = bottom(await row?.boundingBox());
        return last <= frame ? {} : `it ends at ${last}, the frame at ${frame}`;
      });
      await screenshot(page, 'workflow');
    });
  });

  test('shows a summary of each activity in the timeline of the issuance', async () => {
    await withPage(`/${encodeURIComponent(issuanceWorkflowId(cluster.identity, 'primary', 1))}`, async (page) => {
      for (const step of ['order api.payments.example.com and 2 more', 'publish 3 TXT records in example.com']) {
        await waitUntilVisible(timeline(page).getByText(step));
      }
      await page.getByTestId('compact').filter({ visible: true }).click();
      await waitUntilVisible(page.getByTestId('event-summary-table').getByText('publish 3 TXT records in example.com'));
      await scrollTo(page, page.getByTestId('zoom-in').filter({ visible: true }));
      await screenshot(page, 'issuance');
    });
  });

  /** Opens a page below the list of workflows. */
  async function withPage(path: string, use: (page: Page) => Promise<void>): Promise<void> {
    const page = await browser.newPage({ viewport: SIZE });
    page.setDefaultTimeout(WAIT_TIMEOUT_MS);
    try {
      await page.goto(`${lab().stack.temporal.uiUrl}/namespaces/default/workflows${path}`);
      await use(page);
    } finally {
      await page.close();
    }
  }
});

/** Texts of the timeline graph, not of the event table below it. */
function timeline(page: Page): Locator {
  return page.locator('svg text');
}

function bottom(box: { readonly y: number; readonly height: number } | null | undefined): number {
  return box === null || box === undefined ? Number.NaN : box.y + box.height;
}

async function waitUntilVisible(what: Locator | undefined): Promise<void> {
  if (what === undefined) throw new TypeError('there is no such element');
  await what.first().waitFor({ state: 'visible' });
}

/** Scrolls with the wheel; the pointer is over the header, where no inner element scrolls. */
async function scrollTo(page: Page, what: Locator): Promise<void> {
  const { x, y } = (await what.boundingBox()) ?? { x: 0, y: 0 };
  await page.mouse.move(x, HEADER_PX + 20);
  await page.mouse.wheel(0, y - HEADER_PX - 20);
  await waitFor('the element is in the upper half', async () => {
    const now = (await what.boundingBox())?.y ?? y;
    return now < SIZE.height / 2 ? {} : `it is at ${now}`;
  });
}

async function screenshot(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
}
