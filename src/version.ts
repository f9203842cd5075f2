import { existsSync, readFileSync } from 'node:fs';

function readVersion(): string {
  // The sources are one folder below package.json, compiled code is two.
  for (const path of ['../package.json', '../../package.json']) {
    const url = new URL(path, import.meta.url);
    if (!existsSync(url)) continue;
    const found: unknown = JSON.parse(readFileSync(url, 'utf8'));
    if (typeof found === 'object' && found !== null && 'version' in found) return String(found.version);
  }
  return '0.0.0';
}

/** certman's version, from its package.json. */
export const VERSION = readVersion();
