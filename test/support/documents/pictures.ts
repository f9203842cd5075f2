/** Writes the pictures of the documents, from the tests that open the pages: `npm run pictures`. */
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';

const FOLDER = fileURLToPath(new URL('../../../docs/images/', import.meta.url));

/** Window of a picture: legible where a page shows it 900 pixels wide. */
export const PICTURE_SIZE = { width: 1280, height: 800 };

/** Writes what the window shows to `docs/images/<name>.png`, where `CERTMAN_PICTURES` is set; else does nothing. */
export async function takePicture(page: Page, name: string): Promise<void> {
  if (!process.env['CERTMAN_PICTURES']) return;
  await page.screenshot({ path: `${FOLDER}${name}.png`, animations: 'disabled' });
}
