/** @file Words shown to people: one file per language, English first. Counts and dates follow the language. */
import i18next from 'i18next';
import { en } from './en.ts';
import { ja } from './ja.ts';
import { zh } from './zh.ts';

export const LANGUAGES = { en: 'English', zh: '中文', ja: '日本語' } as const;

export type Language = keyof typeof LANGUAGES;

/** Every text that English has. */
export type Messages = TextsOf<typeof en>;

/** Such as `create.generate`; the endings `_one` and `_other` belong to counts and are left out. */
export type MessageKey = KeysOf<typeof en>;

type TextsOf<T> = { readonly [K in keyof T]: T[K] extends string ? string : TextsOf<T[K]> };
type KeysOf<T> = {
  [K in keyof T & string]: T[K] extends string ? WithoutCount<K> : `${K}.${KeysOf<T[K]>}`;
}[keyof T & string];
type WithoutCount<K extends string> = K extends `${infer Stem}_${'one' | 'other'}` ? Stem : K;

void i18next.init({
  lng: 'en',
  fallbackLng: 'en',
  initAsync: false,
  interpolation: { escapeValue: false }, // Svelte escapes
  resources: { en: { translation: en }, zh: { translation: zh }, ja: { translation: ja } },
});

let language = $state<Language>('en');

/** The language in use; a component that reads it follows its changes. */
export function currentLanguage(): Language {
  return language;
}

/** Chooses the language; `system` takes the first of the browser's that is here. */
export function useLanguage(wanted: Language | 'system'): void {
  language = wanted === 'system' ? systemLanguage() : wanted;
  void i18next.changeLanguage(language);
  document.documentElement.lang = language;
}

/** A text in the language in use; `{{name}}` in it is replaced by the value of that name. */
export function t(key: MessageKey, values: Readonly<Record<string, string | number>> = {}): string {
  void language; // read, so that what shows the text follows the language
  return i18next.t(key, values);
}

function systemLanguage(): Language {
  const wanted = navigator.languages.map((tag) => tag.split('-')[0]);
  return wanted.find((tag): tag is Language => tag !== undefined && tag in LANGUAGES) ?? 'en';
}
