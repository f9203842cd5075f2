/** The page in a real browser. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { fleetReport } from '../../../../src/cli/report/fleet-report.ts';
import { htmlReport } from '../../../../src/cli/report/html-report.ts';
import { takePicture } from '../../../support/documents/pictures.ts';
import { findBrowser, NO_BROWSER, startBrowser } from '../../../support/e2e/browser.ts';
import { sampleReport } from '../../../support/report/sample-report.ts';

const executable = findBrowser();
if (executable === undefined) process.stderr.write(`The page of the report is not tested: ${NO_BROWSER}.\n`);

test.skipIf(executable === undefined)(
  'a browser shows charts and tables, runs no script, and loads nothing',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'certman-report-'));
    const file = join(folder, 'fleet.html');
    const evil = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const problem = { cluster: 'ns/evil', bundle: evil, state: 'Failing', message: evil };
    const sources = sampleReport();
    writeFileSync(file, htmlReport(fleetReport({ ...sources, problems: { items: [problem], incomplete: false } })));
    const browser = await startBrowser(executable ?? '');
    try {
      const page = await browser.newPage({ viewport: { width: 1100, height: 1400 } });
      const requests: string[] = [];
      page.on('request', (request) => requests.push(request.url()));
      await page.goto(pathToFileURL(file).href);
      expect(requests).toEqual([pathToFileURL(file).href]);
      expect(await page.title()).toBe('Certificates of hive-prod-01');
      expect(await page.locator('svg').count()).toBe(3);
      const bars = page.locator('svg').first().locator('rect');
      const heights = await bars.evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect().height));
      expect(Math.max(...heights)).toBeGreaterThan(50);
      expect(await page.locator('img, script').count()).toBe(0);
      expect(await page.getByText(evil).count()).toBe(2);
      writeFileSync(file, htmlReport(fleetReport(sources)));
      await page.goto(pathToFileURL(file).href);
      await takePicture(page, 'report');
    } finally {
      await browser.close();
      rmSync(folder, { recursive: true });
    }
  },
);
