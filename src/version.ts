import { readFileSync } from 'node:fs';

// The sources are one folder below package.json, compiled code is two.
const path = import.meta.url.endsWith('.js') ? '../../package.json' : '../package.json';
const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { readonly version: string };

/** certman's version, from its package.json. */
export const VERSION = version;
