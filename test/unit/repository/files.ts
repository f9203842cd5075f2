/** Files of the repository, by their path from its root. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;

export const exists = (file: string): boolean => existsSync(join(ROOT, file));

export const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

/** @returns names of the files in a folder that end so, without the folder. */
export const filesIn = (folder: string, ending: string): readonly string[] =>
  readdirSync(join(ROOT, folder)).filter((file) => file.endsWith(ending));

/** @returns paths below a folder, from the root. */
export const filesBelow = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file}`);
