/** certman's version, from its package.json. */
import { existsSync, readFileSync } from 'node:fs';

function readVersion(): string {
  // One folder up from the sources, two from compiled code.
  for (const path of ['../package.json', '../../package.json']) {
    const url = new URL(path, import.meta.url);
    if (!existsSync(url)) continue;
    const found: unknown = JSON.parse(readFileSync(url, 'utf8'));
    if (typeof found === 'object' && found !== null && 'version' in found) return String(found.version);
  }
  return '0.0.0';
}

export const VERSION = readVersion();
