import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';

// The sources and the built program are at different depths below it.
const manifest = findPackageJSON('..', import.meta.url);
if (manifest === undefined) throw new Error('certman has no package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string };

/** certman's version, from its package.json. */
export const VERSION = version;
