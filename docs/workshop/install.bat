@echo off
rem Installs the course from this folder, without a network, into .venv where it is called:
rem     wheels\install.bat
setlocal
set "WHEELS=%~dp0."
set /p MADE_FOR=<"%WHEELS%\python-version.txt"
py -%MADE_FOR% -m venv .venv
if errorlevel 1 (
    echo These wheels are for Python %MADE_FOR%: install it, then run this again.
    exit /b 1
)
set PIP=.venv\Scripts\python -m pip install --quiet --disable-pip-version-check
%PIP% --no-index --find-links "%WHEELS%" -c "%WHEELS%\constraints.txt" "llm-engineering-course[lab,dev]"
if errorlevel 1 exit /b 1
%PIP% --no-index --find-links "%WHEELS%" --no-deps -r "%WHEELS%\requirements-no-deps.txt"
if errorlevel 1 exit /b 1
.venv\Scripts\python -m course_utils doctor
if errorlevel 1 exit /b 1
echo Next: .venv\Scripts\jupyter lab learner\00_start_here.ipynb
