import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder of payload keys as the kubelet mounts and replaces a Secret. */
export interface PayloadKeyFolder {
  readonly path: string;
  /** Replaces all files at once. */
  write(files: Readonly<Record<string, string>>): void;
  remove(): void;
}

/** A key as a file of the folder. */
export function newPayloadKey(): string {
  return `${randomBytes(32).toString('base64')}\n`;
}

/** @param files by name. */
export function payloadKeyFolder(files: Readonly<Record<string, string>>): PayloadKeyFolder {
  const path = mkdtempSync(join(tmpdir(), 'certman-payload-keys-'));
  let version = 0;
  const write: PayloadKeyFolder['write'] = (content) => {
    version += 1;
    const folder = `..version-${version}`;
    mkdirSync(join(path, folder));
    for (const [name, text] of Object.entries(content)) writeFileSync(join(path, folder, name), text);
    symlinkSync(folder, join(path, '..data_tmp'));
    renameSync(join(path, '..data_tmp'), join(path, '..data'));
  };
  write(files);
  return { path, write, remove: () => rmSync(path, { recursive: true, force: true }) };
}
