// SPDX-License-Identifier: Apache-2.0
import { mount } from 'svelte'

import App from './App.svelte'
import './app.css'

const target = document.getElementById('app')
if (target) mount(App, { target })
