/** @file The window starts here: styles, the wire to the host, the app. */
import './app.css';
import { mount } from 'svelte';
import App from './app.svelte';
import { openWire } from './wire.ts';

mount(App, { target: document.getElementById('app')!, props: { wire: openWire() } });
