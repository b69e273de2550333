/**
 * The `trustedDocuments` section: documents that are known before anybody asks, and whether others may run.
 */
import { z } from 'zod';
import { list, text } from './values';

export const trustedDocumentsSchema = z
  .strictObject({
    files: list(text()).describe(
      'Files or patterns (`./clients/**/*.json`), relative to this file: operation files (`.graphql`), and manifests (`.json`) of Apollo, Relay or GraphQL Code Generator. Those of `rest.operations` are trusted as well.',
    ),
    mode: z
      .enum(['off', 'allow', 'only'])
      .default('allow')
      .describe(
        'off: ids stand for nothing. allow: clients may send the id of a document instead of its text. only: nothing else runs, but introspection where that is on.',
      ),
    requireId: z.boolean().default(false).describe('In mode only: refuse texts, even of trusted documents.'),
    dryRun: z.boolean().default(false).describe('In mode only: log what would be refused, and run it.'),
    watch: z.boolean().default(true).describe('Serve changed files as soon as they are whole and right.'),
    misfits: z
      .enum(['report', 'hold'])
      .default('report')
      .describe(
        'What a newer supergraph brings about that does not allow one of the documents. report: it is served, the log names them, and their routes are gone. hold: the one before it stays.',
      ),
  })
  .prefault({});
