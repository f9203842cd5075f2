/** A real browser for what people look at: Debian's Chromium, or whichever the machine has. */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { WAIT_TIMEOUT_MS } from '../vitest/timeouts.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Nothing but what the test asks for: no graphics card, no calls home. */
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const NO_BROWSER = `no browser: install Chromium (Debian: apt-get install chromium), or say with CHROMIUM_PATH where it is`;

/** @returns the path of `CHROMIUM_PATH` or of the first browser on the PATH; undefined where there is none. */
export function findBrowser(): string | undefined {
  const told = process.env['CHROMIUM_PATH'];
  if (told !== undefined && told !== '') return told;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

export function startBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: FLAGS, timeout: WAIT_TIMEOUT_MS });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
